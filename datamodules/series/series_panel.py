"""The panel of a user's own series: the target and its inputs, one series below another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from datamodules.errors import DataError
from datamodules.frequency import Frequency
from datamodules.market.panel import OwnSeries, Panel
from datamodules.series.series_file import Calendar


def panel_of(series: Sequence[Calendar], frequency: Frequency, season: int | None = None, log: bool = False) -> Panel:
    """Put series one below another.

    Args:
        series: of one file, with the same columns, of which the first is the target.
        frequency: of all series.
        season: periods in a season; None: as the frequency has it.
        log: whether changes are those of logarithms.

    Raises:
        DataError: with `log`, a value is not above 0.
    """
    numbers = np.concatenate([each.numbers for each in series])
    table = pd.concat([each.values for each in series]).set_axis(frequency.times(numbers).rename("date"))
    target = table.iloc[:, 0]
    if log and (low := (target <= 0).to_numpy()).any():
        raise DataError(
            f"series.log=true needs values above 0, and {target.name} is {target[low].iloc[0]:g} in "
            f"{frequency.label(int(numbers[low][0]))}: leave it out."
        )
    own = OwnSeries(
        names=tuple(each.name for each in series),
        ids=np.repeat(np.arange(len(series)), [len(each.numbers) for each in series]),
        numbers=numbers,
        observed=np.concatenate([each.observed for each in series]),
        frequency=frequency,
        season=frequency.season if season is None else season,
        log=log,
    )
    return Panel(table, target, own=own)


def changes(panel: Panel) -> Panel:
    """Features that do not grow with the series, for `protocol=walk_forward`; the first row of each series is dropped.

    A value x_t becomes x_t - x_(t-1); with `log`, the target becomes log(x_t / x_(t-1)). Of markets, prices p_t become
    log(p_t / C_(t-1)), where C_(t-1) is the same market's close before, and volumes log((1 + v_t) / (1 + v_(t-1))).
    """
    assert panel.own is not None
    own, features = panel.own, panel.features.copy()
    first = np.diff(own.ids, prepend=-1) != 0
    for column in features:
        values = panel.features[column].to_numpy(float)
        close = f"{str(column).rpartition(' ')[0]} Close"
        if column in own.prices:
            features[column] = np.log(values / np.roll(panel.features[close].to_numpy(float), 1))
        elif own.prices:
            features[column] = np.diff(np.log1p(values), prepend=np.nan)
        else:
            logs = own.log and column == panel.close.name
            features[column] = np.diff(np.log(values) if logs else values, prepend=np.nan)
    kept = ~first
    rows = own._replace(ids=own.ids[kept], numbers=own.numbers[kept], observed=own.observed[kept])
    return Panel(features[kept], panel.close[kept], own=rows)
