"""The findings about the Bitcoin paper: whether a net beats "tomorrow = today", and whether sentiment helps."""

import pandas as pd

from analysis.claims.market_claims import MODELS, WINDOWS, effect
from analysis.claims.rules import NOT_REPRODUCED, REPRODUCED
from analysis.findings import walking
from analysis.findings.evidence import Market
from analysis.findings.finding import Finding, unanswered
from analysis.findings.pictures import of_contrasts
from analysis.published import bitcoin_paper
from analysis.report import persistence
from analysis.report.svg import Figure
from analysis.tables.formatting import count_range, number
from analysis.tables.market_differences import interval

ALL = "sentiment improves the forecasts (all windows, models and pairs)"
"""The claim of the Conclusion that answers the question about sentiment."""


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


def sentiment_helps(market: Market, walked: pd.DataFrame | None = None) -> Finding:
    """Whether errors are smaller with the sentiment than without."""
    name, question = "sentiment", "Does sentiment improve the forecasts?"
    why_not = market.contrasts.why_not(effect("sent", WINDOWS, MODELS))
    if why_not:
        return unanswered(name, question, why_not)
    rows = market.verdicts[market.verdicts["claim"] == ALL]
    found = set(rows["verdict"])
    if found == {REPRODUCED}:
        answer = "Yes. The errors are smaller with it, over seeds and over days."
    elif found == {NOT_REPRODUCED}:
        answer = "No. The errors are larger with it, over seeds and over days."
    else:
        answer = "These runs do not tell: seeds or days could turn the difference round."
    sentences = [
        f"{row['metric'].upper()} with {market.sentiment}'s sentiment less that without, mean of all windows, nets and "
        f"pairs of feature sets: {number(row['mean'], 4, True)}{interval(row['low'], row['high'], True)} over "
        f"{row['n']} seeds, {interval(row['days_low'], row['days_high'], True).strip()} over days. The paper's tables "
        f"have {number(row['printed'], 3, True)}."
        for row in rows.to_dict("records")
    ]
    sentences += [] if walked is None else walking.sentiment(walked)
    return Finding(name, question, answer, sentences, _picture(market.verdicts))


def _picture(verdicts: pd.DataFrame) -> Figure | None:
    """The claims about sentiment and no sentiment; the one that compares windows is about something else."""
    claims = verdicts["claim"].str.contains("sentiment") & ~verdicts["claim"].str.contains("than at")
    rows = verdicts[claims & (verdicts["metric"] == "rmse")].dropna(subset="low")
    return of_contrasts(rows) if len(rows) else None
