"""Everything that the findings are computed from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from analysis.claims.market_verdicts import market_verdicts
from analysis.claims.verdicts import verdicts
from analysis.findings.beside_none import pairs_of_nets
from analysis.findings.encoders import encoders
from analysis.findings.not_learned import not_learned
from analysis.findings.walking import walks
from analysis.published.cell_paper import LSTM_CS
from analysis.statistics.best_of_many import best_of_many
from analysis.statistics.contrasts import Contrasts
from analysis.statistics.detectable import detectable
from analysis.statistics.false_alarms import false_alarms
from analysis.statistics.improvements import improvements
from analysis.study import market_results, text_results
from analysis.study.daily_errors import contrasts
from analysis.study.recipes import BEST
from analysis.study.results import kinds
from analysis.tables.market_tables import JUDGED, SETTINGS, refuse_mixed
from analysis.tables.walk_forward_table import walk_forward_table
from training.run.folder.faults import OWN_SOURCES


@dataclass(frozen=True)
class Texts:
    """The runs on texts, and what the statistics say about them.

    Attributes:
        results: from `text_results.read`.
        without_result: from `text_results.without_result`.
    """

    results: pd.DataFrame
    without_result: pd.DataFrame

    @cached_property
    def compared(self) -> pd.DataFrame:
        """See `text_results.comparable`."""
        return text_results.comparable(self.results, self.without_result)

    @cached_property
    def improved(self) -> pd.DataFrame:
        """See `improvements.improvements`; of LSTM-CS only."""
        return improvements(self._lstm_cs)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """See `verdicts.verdicts`."""
        return verdicts(self.compared)

    @cached_property
    def false_alarms(self) -> pd.DataFrame:
        """See `false_alarms.false_alarms`; of LSTM-CS only."""
        return false_alarms(self._lstm_cs)

    @cached_property
    def best_of_many(self) -> pd.DataFrame:
        """See `best_of_many.best_of_many`."""
        return best_of_many(self._lstm_cs)

    @cached_property
    def detectable(self) -> pd.DataFrame:
        """See `detectable.detectable`."""
        return detectable(self.improved)

    @cached_property
    def not_learned(self) -> pd.DataFrame:
        """See `not_learned.not_learned`."""
        return not_learned(self.compared)

    @cached_property
    def encoders(self) -> str:
        """See `encoders.encoders`."""
        return encoders(self.results)

    @cached_property
    def recipe(self) -> str:
        """The recipe that the pictures show: "best" if it was run, else the one with the most runs."""
        counts = self.results.loc[self.results["model"] == LSTM_CS, "recipe"].value_counts()
        return next((str(name) for name in counts.index if name == BEST), str(counts.index[0]) if len(counts) else "")

    @property
    def _lstm_cs(self) -> pd.DataFrame:
        return self.compared[self.compared["model"] == LSTM_CS]


@dataclass(frozen=True)
class Market:
    """The runs on the market by which the Bitcoin paper's claims are judged.

    Attributes:
        scored: from `market_results.scored`, of those runs.
        baselines: rows of their baselines.csv about the days that are scored.
        predictions: rows of their predictions.csv.
        sentiment: the source of the sentiment.
    """

    scored: pd.DataFrame
    baselines: pd.DataFrame
    predictions: pd.DataFrame
    sentiment: str

    @cached_property
    def contrasts(self) -> Contrasts:
        """See `daily_errors.contrasts`: those of most fields."""
        return contrasts(self.scored, self.predictions)[0]

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """See `market_verdicts.market_verdicts`."""
        return market_verdicts(self.contrasts)

    @cached_property
    def fields(self) -> pd.DataFrame:
        """A row for each window, feature set and model: mean relative_rmse and rmse over seeds, and seeds."""
        groups = self.scored.groupby(["window", "features", "model"], sort=False)
        return groups.agg(
            relative=("relative_rmse", "mean"), rmse=("rmse", "mean"), seeds=("seed", "nunique")
        ).reset_index()

    @property
    def persistence(self) -> float:
        """The RMSE of "tomorrow = today" in scaled units; the mean, if the runs are scored on several sets of days."""
        rows = self.baselines[self.baselines["forecast"] == "persistence"]
        return float(rows["rmse"].mean())


@dataclass(frozen=True)
class Evidence:
    """The runs of an archive or of a folder; an attribute is None where there are none of that kind.

    Attributes:
        texts: runs on texts.
        market: runs with the Bitcoin paper's protocol.
        walked: those that walked forward, from `walking.walks`.
        pairs: those of them that differ in the sentiment alone, from `beside_none.pairs_of_nets`.
    """

    texts: Texts | None
    market: Market | None
    walked: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None


def evidence_of(runs: Path) -> Evidence:
    """Read the runs of an archive, or of a folder.

    Raises:
        UserError: there are none.
    """
    found = kinds(runs)
    texts = None
    if "data" in found:
        results = text_results.read(runs)
        texts = Texts(results, text_results.without_result(runs, results))
    if "features" not in found:
        return Evidence(texts, None)
    predictions = market_results.read_table(runs, "predictions")
    return Evidence(texts, _market(runs, predictions), *_walked(predictions))


def _walked(predictions: pd.DataFrame) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """The attributes walked and pairs of Evidence."""
    walked = predictions[(predictions["protocol"] == "walk_forward") & ~predictions["source"].isin(OWN_SOURCES)]
    if walked.empty:
        return None, None
    warned = walked[walked["warning"].notna() & walked["control"].isna()] if "warning" in walked else walked.iloc[:0]
    like_prices = sorted(warned["sentiment"].dropna().unique())
    return walks(walk_forward_table(walked).numbers, like_prices), pairs_of_nets(walked, like_prices)


def _market(runs: Path, predictions: pd.DataFrame) -> Market | None:
    """The runs of the paper's protocol with the settings of JUDGED, and the sentiment with the most runs.

    Raises:
        UserError: some of them differ in something else than seed and fold.
    """
    scored = market_results.scored(runs)
    wanted = {key: "close" if key == "target" else value for key, value in JUDGED.items() if key in SETTINGS}
    scored = scored[(scored["protocol"] == "paper") & scored["control"].isna()]
    for key, value in wanted.items():
        scored = scored[scored[key] == value]
    if scored.empty:
        return None
    sources = scored["sentiment"].dropna().value_counts()
    sentiment = str(sources.index[0]) if len(sources) else ""
    scored = scored[scored["sentiment"].isna() | (scored["sentiment"] == sentiment)]
    refuse_mixed(runs, scored)
    baselines = market_results.read_table(runs, "baselines")
    ours = baselines["folder"].isin(scored["folder"]) & (baselines["split"] == "val")
    return Market(scored, baselines[ours], predictions, sentiment)
