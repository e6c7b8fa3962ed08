"""The Bitcoin paper's claims in words, as data. `market_verdicts` says which of them the runs reproduce."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.published import bitcoin_paper
from analysis.statistics.contrasts import Field

WINDOWS = WEEK, MONTH, QUARTER = (7, 30, 90)
MODELS = LSTM, CNN_LSTM = ("lstm", "cnn_lstm")
NAMES: Mapping[object, str] = {
    **{WEEK: "1 week", MONTH: "1 month", QUARTER: "3 months"},
    **{LSTM: "LSTM", CNN_LSTM: "CNN-LSTM"},
}

BEST = {
    (WEEK, LSTM): "btc_sent",
    (WEEK, CNN_LSTM): "btc_sent",
    (MONTH, LSTM): "btc_sent",
    (MONTH, CNN_LSTM): "btc_usd_sent",
    (QUARTER, LSTM): "btc",
    (QUARTER, CNN_LSTM): "btc",
}
"""The feature set that the Results call the best, by window and model."""

Weights = Mapping[Field, float]

COLUMNS_OF_A_MARKET = 6


@dataclass(frozen=True)
class ContrastClaim:
    """A sentence that one mean of errors is smaller, or larger, than another.

    Attributes:
        where: the place in the paper.
        text: the claim.
        weights: of the fields, so that the sum of weight times error is what the sentence is about.
        bound: "below" or "above": on which side of 0 it lies according to the paper.
    """

    where: str
    text: str
    weights: Weights
    bound: str


@dataclass(frozen=True)
class LevelClaim:
    """A sentence that gives a mean of errors as a number with two decimals.

    Attributes:
        where, text, weights: as in ContrastClaim.
        metric: the error.
        number: as printed.
    """

    where: str
    text: str
    weights: Weights
    metric: str
    number: float


@dataclass(frozen=True)
class BestClaim:
    """A sentence that a feature set is the best of all eight for one window and model.

    Attributes:
        where, text: as in ContrastClaim.
        best: the field that has the smallest errors.
        others: the fields that have larger ones; those that share the first place in the paper are not among them.
    """

    where: str
    text: str
    best: Field
    others: tuple[Field, ...]


Claim = ContrastClaim | LevelClaim | BestClaim


def feature_sets() -> list[str]:
    """The names of the paper's eight feature sets, in its order."""
    return list(dict.fromkeys(bitcoin_paper.errors()["features"]))


def pairs(series: str) -> list[tuple[str, str]]:
    """The four pairs of feature sets (with, without) that differ in one series: "sent", "usd" or "sp500"."""
    by_series = {frozenset(name.split("_")): name for name in feature_sets()}
    return [(name, by_series[named - {series}]) for named, name in by_series.items() if series in named]


def effect(series: str, windows: Sequence[int], models: Sequence[str]) -> Weights:
    """The mean error with a series less that without it, over its four pairs and over windows and models."""
    fields = [(Field(w, a, m), Field(w, b, m)) for w in windows for m in models for a, b in pairs(series)]
    return _sum(*((1 / len(fields), {more: 1.0, less: -1.0}) for more, less in fields))


def _sum(*parts: tuple[float, Weights]) -> Weights:
    total: dict[Field, float] = {}
    for factor, weights in parts:
        for field, weight in weights.items():
            total[field] = total.get(field, 0.0) + factor * weight
    return total


def _mean(fields: Sequence[Field]) -> Weights:
    return dict.fromkeys(fields, 1 / len(fields))


def _gap(windows: Sequence[int], features: Sequence[str]) -> Weights:
    """The error of the CNN-LSTM less that of the LSTM."""
    one, other = (_mean([Field(w, name, m) for w in windows for name in features]) for m in (CNN_LSTM, LSTM))
    return _sum((1.0, one), (-1.0, other))


def _gap_by_size(windows: Sequence[int]) -> Weights:
    """The least-squares slope of `_gap` over the number of features, for six more of them: those of one market."""
    sizes = bitcoin_paper.FEATURE_COUNTS
    middle = sum(sizes.values()) / len(sizes)
    spread = sum((size - middle) ** 2 for size in sizes.values())
    slopes = ((COLUMNS_OF_A_MARKET * (size - middle) / spread, _gap(windows, [name])) for name, size in sizes.items())
    return _sum(*slopes)


def claims() -> Iterator[Claim]:
    """All claims, in the order of the Discussion, then those of the Results, of Figure 7 and of the Conclusion."""
    yield from _on_sentiment("Discussion I")
    yield from _on_sp500("Discussion I")
    yield from _on_the_cnn("Discussion I")
    yield from _best("Results")
    for metric, number in (("rmse", 0.12), ("mae", 0.09)):
        text = f"the forecast of Figure 7 has an error of {number}"
        yield LevelClaim("Figure 7", text, {Field(WEEK, "btc_sent", LSTM): 1.0}, metric, number)
    text = "sentiment improves the forecasts (all windows, models and pairs)"
    yield ContrastClaim("Conclusion", text, effect("sent", WINDOWS, MODELS), "below")


def _on_sentiment(where: str) -> Iterator[Claim]:
    for window in (WEEK, MONTH):
        for model in MODELS:
            text = f"sentiment helps the {NAMES[model]} at {NAMES[window]}"
            alone = {Field(window, "btc_sent", model): 1.0, Field(window, "btc", model): -1.0}
            yield ContrastClaim(where, text, alone, "below")
    late, early = effect("sent", [QUARTER], MODELS), effect("sent", [WEEK, MONTH], MODELS)
    yield ContrastClaim(where, "sentiment does not help further at 3 months", late, "above")
    text = "sentiment helps more at 1 week and 1 month than at 3 months"
    yield ContrastClaim(where, text, _sum((1.0, late), (-1.0, early)), "above")


def _on_sp500(where: str) -> Iterator[Claim]:
    text = "SP500 does not help the LSTM at 1 week"
    yield ContrastClaim(where, text, effect("sp500", [WEEK], [LSTM]), "above")
    text = "SP500 hurts the LSTM at 1 month"
    yield ContrastClaim(where, text, effect("sp500", [MONTH], [LSTM]), "above")
    fields = [Field(MONTH, name, LSTM) for name, _ in pairs("sp500")]
    for metric, number in (("rmse", 0.36), ("mae", 0.32)):
        text = f"with SP500 the LSTM's mean error at 1 month is {number}"
        yield LevelClaim(where, text, _mean(fields), metric, number)


def _on_the_cnn(where: str) -> Iterator[Claim]:
    for window in (WEEK, MONTH):
        harm = _sum((1.0, effect("sp500", [window], [LSTM])), (-1.0, effect("sp500", [window], [CNN_LSTM])))
        yield ContrastClaim(where, f"the CNN-LSTM mitigates SP500's harm at {NAMES[window]}", harm, "above")
    text = "the CNN-LSTM gains on the LSTM with each market more (six features)"
    yield ContrastClaim(where, text, _gap_by_size(WINDOWS), "below")
    text = "with 18 and 19 features the CNN-LSTM is better than the LSTM"
    yield ContrastClaim(where, text, _gap(WINDOWS, ["btc_usd_sp500", "btc_usd_sent_sp500"]), "below")


def _best(where: str) -> Iterator[BestClaim]:
    """The best feature set of each window and model, as the Results name it and the tables have it."""
    paper = bitcoin_paper.errors()
    for (window, model), best in BEST.items():
        rows = paper[(paper["window"] == window) & (paper["model"] == model)].set_index("features")
        rows = rows[["val_rmse", "val_mae"]]
        others = rows.index[(rows != rows.loc[best]).any(axis=1)]
        text = f"{best} is the best set of the {NAMES[model]} at {NAMES[window]}"
        yield BestClaim(where, text, Field(window, best, model), tuple(Field(window, name, model) for name in others))
