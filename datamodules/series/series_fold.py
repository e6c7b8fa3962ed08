"""One fold of a user's own series: windows that stay inside a series, split by time, scaled for each series."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.market.fold import STANDS_STILL, Fold
from datamodules.market.panel import OwnSeries, Panel
from datamodules.market.protocols import PROTOCOLS, EvaluationProtocol
from datamodules.market.windows import Floats, Samples, make_samples
from datamodules.series.series_panel import changes
from datamodules.series.series_scaler import SeriesScaler
from datamodules.split import Split


@dataclass(frozen=True)
class SeriesFold(Fold):
    """As `Fold`, of one series or of several; samples stand in the order of the period that they forecast.

    Attributes:
        input_scaler, target_scaler: `SeriesScaler`.
    """

    input_scaler: SeriesScaler
    target_scaler: SeriesScaler

    @property
    def own(self) -> OwnSeries:
        """About the rows of the panel."""
        assert self.panel.own is not None
        return self.panel.own

    @property
    def ids(self) -> NDArray[np.int64]:
        """The number of each sample's series, `[S]`."""
        return self.own.ids[self.samples.targets]

    @property
    def clock(self) -> NDArray[np.int64]:
        """The number of the period that each sample forecasts, `[S]`."""
        return self.own.numbers[self.samples.targets]

    @property
    def horizon(self) -> int:
        """Periods from a sample's last one to the one it forecasts."""
        return int(self.samples.targets[0] - self.samples.origins[0])

    @property
    def known(self) -> NDArray[np.bool_]:
        """`[N]`, whether a row of the panel is not after the last training target."""
        return self.own.numbers <= self.clock[self.split.train].max()

    def unscaled(self, forecasts: Floats, chosen: NDArray[np.int64]) -> Floats:
        """See `Fold`."""
        values = self.target_scaler.inverse_transform(np.asarray(forecasts, float).reshape(-1, 1), self.ids[chosen])
        return self.protocol.from_target(values[:, 0], self.last[chosen])

    def scaled(self, values: Floats) -> Floats:
        """See `Fold`."""
        target = self.protocol.to_target(values, self.last)
        return self.target_scaler.transform(target.reshape(-1, 1), self.ids)[:, 0]


def own_protocol(name: str, log: bool) -> EvaluationProtocol:
    """One of PROTOCOLS for a user's own series: under `walk_forward` a net forecasts the change from the last value.

    Args:
        name: of the protocol.
        log: whether the change is that of the logarithm; else it is the difference, since values may be 0 or less.

    Raises:
        DataError: there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise DataError(f"protocol={name}: choose {' or '.join(PROTOCOLS)}.")
    if name == "paper":
        return PROTOCOLS[name]
    if log:
        return PROTOCOLS[name]._replace(prepare=changes)
    return PROTOCOLS[name]._replace(
        prepare=changes,
        to_target=lambda value, last: value - last,
        from_target=lambda forecast, last: last + forecast,
        target_sample=lambda values, horizon: values[horizon:] - values[:-horizon],
    )


def make_series_fold(panel: Panel, protocol: str, window: int, horizon: int, n_folds: int, fold: int) -> SeriesFold:
    """Cut windows inside each series, split them by the period they forecast, and scale each series by its own past.

    A period without a value is never forecast. A series that has no training sample takes no part.

    Args:
        panel: made by `series_panel.panel_of`.
        protocol, window, horizon, n_folds, fold: as in `fold.make_fold`, `horizon` in periods.

    Raises:
        DataError: there is no such protocol or fold, there are too few periods, or the target never changes in a part.
    """
    assert panel.own is not None
    chosen = own_protocol(protocol, panel.own.log)
    panel = chosen.prepare(panel)
    own = panel.own
    assert own is not None
    raw = _samples(panel, window, horizon)
    split = _split(raw, own, chosen, horizon, n_folds, fold)
    kept = np.isin(own.ids[raw.targets], own.ids[raw.targets[split.train]])
    raw, split = _only(raw, kept), _places(split, kept)
    if not all(len(part) for part in split):
        raise DataError(
            f"window={window} with horizon={horizon} leaves too few of the {len(own.numbers):,} values for a "
            "training, a validation and a test part: choose smaller ones, or a longer series."
        )
    _refuse_flat(panel, raw, split)
    known = own.numbers <= own.numbers[raw.targets[split.train]].max()
    table, count = panel.features.to_numpy(float), len(own.names)
    input_scaler = SeriesScaler(chosen.scaler).fit(table[known], own.ids[known], count)
    values, ids = _target_sample(panel, known, chosen, horizon)
    target_scaler = SeriesScaler(chosen.scaler).fit(values.reshape(-1, 1), ids, count)
    scaled = pd.DataFrame(input_scaler.transform(table, own.ids), panel.features.index, panel.features.columns)
    samples = _only(_samples(panel._replace(features=scaled), window, horizon), kept)
    return SeriesFold(chosen, panel, samples, split, input_scaler, target_scaler)


def _samples(panel: Panel, window: int, horizon: int) -> Samples:
    """The windows of all series whose target is observed, in the order of its period."""
    assert panel.own is not None
    own, table = panel.own, panel.features.to_numpy(float)
    blocks = [rows for rows in own.blocks if rows.stop - rows.start >= window + horizon]
    if not blocks:  # one that is too short, for the message
        blocks = [max(own.blocks, key=lambda rows: rows.stop - rows.start)]
    cut = [(rows.start, make_samples(table[rows], window, horizon)) for rows in blocks]
    inputs = np.concatenate([samples.inputs for _, samples in cut]) if len(cut) > 1 else cut[0][1].inputs
    origins = np.concatenate([start + samples.origins for start, samples in cut])
    targets = origins + horizon
    order = np.lexsort((own.ids[targets], own.numbers[targets]))
    order = order[own.observed[targets[order]]]
    if len(cut) > 1 or len(order) < len(targets):
        inputs = inputs[order]
    return Samples(inputs, origins[order], targets[order])


def _split(
    samples: Samples, own: OwnSeries, protocol: EvaluationProtocol, horizon: int, n_folds: int, fold: int
) -> Split:
    """The samples of each part: the protocol splits the periods that are forecast, and a sample goes with its own."""
    if not len(samples.targets):
        raise DataError("no window is followed by a value: choose a smaller window= or horizon=.")
    periods = own.numbers[samples.targets]
    first, last = int(periods.min()), int(periods.max())
    rows = last - int(own.numbers.min()) + 1
    splits = protocol.splits(last - first + 1, rows, horizon, n_folds)
    if not 0 <= fold < len(splits):
        raise DataError(f"fold={fold}: this protocol has the folds 0 to {len(splits) - 1} here.")
    return Split(*(np.flatnonzero(np.isin(periods - first, part)) for part in splits[fold]))


def _only(samples: Samples, kept: NDArray[np.bool_]) -> Samples:
    return samples if kept.all() else Samples(samples.inputs[kept], samples.origins[kept], samples.targets[kept])


def _places(split: Split, kept: NDArray[np.bool_]) -> Split:
    """The split of the samples that are kept: a series that nothing is learnt about has none."""
    places = np.cumsum(kept) - 1
    return Split(*(places[part[kept[part]]] for part in split))


def _target_sample(
    panel: Panel, known: NDArray[np.bool_], protocol: EvaluationProtocol, horizon: int
) -> tuple[Floats, NDArray[np.int64]]:
    """The numbers that the target's scaler is fitted to, and their series."""
    assert panel.own is not None
    values, ids = panel.target.to_numpy(float), []
    samples = []
    for k, rows in enumerate(panel.own.blocks):
        there = values[rows][known[rows]]
        if len(there) > horizon:
            samples.append(protocol.target_sample(there, horizon))
            ids.append(np.full(len(samples[-1]), k))
    return np.concatenate(samples), np.concatenate(ids)


def _refuse_flat(panel: Panel, samples: Samples, split: Split) -> None:
    """Where the target stands still persistence has no error, and no forecast can be compared with it."""
    values = panel.target.to_numpy(float)
    for name, part in zip(("training", "validation", "test"), split, strict=True):
        moves = np.abs(values[samples.targets[part]] - values[samples.origins[part]])
        if moves.max() <= STANDS_STILL * np.abs(values).max():
            days = panel.target.index[samples.targets[part]]
            raise DataError(
                f"{panel.target.name} never changes from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, the {name} part: "
                "there is nothing to forecast, choose other dates."
            )
