"""The findings about the Bitcoin paper: whether a net beats "tomorrow = today", and whether sentiment helps."""

import pandas as pd

from analysis.claims.market_claims import MODELS, NAMES, WINDOWS, effect
from analysis.findings import beside_none, walking
from analysis.findings.evidence import Market
from analysis.findings.finding import Finding, unanswered
from analysis.findings.pictures import of_contrasts
from analysis.published import bitcoin_paper
from analysis.report import persistence
from analysis.report.svg import Figure
from analysis.statistics.contrasts import METRICS, Contrasts, Field
from analysis.tables.formatting import count_range, number
from analysis.tables.market_differences import interval

ALL = "sentiment improves the forecasts (all windows, models and pairs)"
"""The claim of the Conclusion that sums up the question about sentiment."""

SMALLER, LARGER, OPEN = "smaller", "larger", "neither surely smaller nor surely larger"
"""Where the errors with sentiment are, beside those without."""


def beats_persistence(market: Market, walked: pd.DataFrame | None = None) -> Finding:
    """Whether the mean error of any field of Tables 1-3 is below persistence's."""
    fields = market.fields
    better = fields[fields["relative"] < 1]
    best = fields.iloc[int(fields["relative"].argmin())]
    if better.empty:
        answer = f'No. All {len(fields)} combinations of window, features and net err more than "tomorrow = today".'
    else:
        answer = (
            f'{len(better)} of {len(fields)} combinations of window, features and net err less than "tomorrow = today".'
        )
    paper = bitcoin_paper.errors()["val_rmse"].min()
    runs = market.scored
    single = runs.iloc[int(runs["relative_rmse"].argmin())]
    sentences = [
        f"Over {count_range(fields['seeds'])} seeds each, the mean RMSE is {number(fields['relative'].min(), 2)} to "
        f"{number(fields['relative'].max(), 2)} times that of persistence; the lowest is {_named(best)}.",
        f"Of {len(runs):,} single runs {int((runs['relative_rmse'] < 1).sum())} err less than persistence; the best "
        f"has {number(float(single['relative_rmse']), 3)} times its error.",
        f"Persistence itself has an RMSE of {number(market.persistence, 4)} in units of 0 to 1. The paper's best is "
        f"{paper}, which is {paper / market.persistence:.1f} times as much.",
    ]
    if walked is not None:
        sentences += [*walking.persistence(walked), *walking.volatility(walked)]
    figure = persistence.figure(market.scored, market.baselines)
    return Finding("persistence", "Does a net forecast Bitcoin's next close?", answer, sentences, figure)


def _named(row: pd.Series) -> str:
    return f"{row['model']} on {row['features']} with windows of {row['window']} days"


def sentiment_helps(market: Market, walked: pd.DataFrame | None = None, pairs: pd.DataFrame | None = None) -> Finding:
    """Whether errors are smaller with the sentiment than without: of each net in the paper's protocol, and walking on.

    Args:
        market: runs with the paper's protocol.
        walked: from `walking.walks`.
        pairs: from `beside_none.pairs_of_nets`.
    """
    name, question = "sentiment", "Does sentiment improve the forecasts?"
    why_not = market.contrasts.why_not(effect("sent", WINDOWS, MODELS))
    if why_not:
        return unanswered(name, question, why_not)
    rows = market.verdicts[market.verdicts["claim"] == ALL]
    sentences = [
        f"{row['metric'].upper()} with {market.sentiment}'s sentiment less that without, mean of all windows, nets and "
        f"pairs of feature sets: {number(row['mean'], 4, True)}{interval(row['low'], row['high'], True)} over "
        f"{row['n']} seeds, {interval(row['days_low'], row['days_high'], True).strip()} over days. The paper's tables "
        f"have {number(row['printed'], 3, True)}."
        for row in rows.to_dict("records")
    ]
    sentences += [_of_net(market, model) for model in MODELS]
    if pairs is not None and walked is not None:
        sentences += beside_none.sentences(pairs, walking.like_prices(walked))
    return Finding(name, question, _answer(market, pairs), sentences, _picture(market.verdicts))


def _answer(market: Market, pairs: pd.DataFrame | None) -> str:
    """A sentence that holds for each net in the paper's protocol, and for the nets that walked forward."""
    sides: dict[str, list[str]] = {}
    for model in MODELS:
        sides.setdefault(_side(market.contrasts, model), []).append(NAMES[model])
    told = ", ".join(f"{side} for the {' and the '.join(nets)}" for side, nets in sides.items())
    answer = f"With the paper's protocol the errors with it are {told}"
    real = pairs[pairs["control"] == ""] if pairs is not None else pd.DataFrame()
    walking_on = beside_none.counted(real) if len(real) else {"better": 0, "worse": 0}
    if len(real):
        answer += (
            f"; walking forward they are smaller in {walking_on['lower']} of {walking_on['combinations']} "
            f"combinations, significantly so for {walking_on['better']} of {walking_on['nets']} nets"
        )
    helps, harms = SMALLER in sides or walking_on["better"] > 0, LARGER in sides or walking_on["worse"] > 0
    everywhere = set(sides) == {SMALLER} and (real.empty or walking_on["better"] > 0)
    if not helps:
        return f"No gain is shown. {answer}."
    return f"{'Yes' if everywhere and not harms else 'Not in general'}. {answer}."


def _side(contrasts: Contrasts, model: str) -> str:
    """SMALLER or LARGER if the intervals of both errors, over seeds and over days, are on that side of 0."""
    spreads = [contrasts.spread(effect("sent", WINDOWS, [model]), metric) for metric in METRICS]
    if all(spread.high < 0 and spread.days_high < 0 for spread in spreads):
        return SMALLER
    return LARGER if all(spread.low > 0 and spread.days_low > 0 for spread in spreads) else OPEN


def _of_net(market: Market, model: str) -> str:
    """The RMSE of one net with sentiment less that without, over all pairs and beside Bitcoin alone."""
    spread = market.contrasts.spread(effect("sent", WINDOWS, [model]), "rmse")
    alone = [
        market.contrasts.spread({Field(window, "btc_sent", model): 1.0, Field(window, "btc", model): -1.0}, "rmse")
        for window in WINDOWS
    ]
    return (
        f"Of the {NAMES[model]} alone the RMSE changes with it by {number(spread.mean, 4, True)}"
        f"{interval(spread.low, spread.high, True)} over seeds, "
        f"{interval(spread.days_low, spread.days_high, True).strip()} over days; without other markets (btc_sent less "
        f"btc) by {', '.join(number(each.mean, 4, True) for each in alone)} with windows of "
        f"{', '.join(map(str, WINDOWS))} days."
    )


def _picture(verdicts: pd.DataFrame) -> Figure | None:
    """The claims about sentiment and no sentiment; the one that compares windows is about something else."""
    claims = verdicts["claim"].str.contains("sentiment") & ~verdicts["claim"].str.contains("than at")
    rows = verdicts[claims & (verdicts["metric"] == "rmse")].dropna(subset="low")
    return of_contrasts(rows) if len(rows) else None
