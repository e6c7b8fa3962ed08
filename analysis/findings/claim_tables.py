"""Each claim of the papers: their number, ours with its interval, the verdict, and why they differ."""

from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.claims.claims import CLAIMS, COUNTING_CLAIMS, CountingClaim
from analysis.claims.rules import VERDICTS
from analysis.findings import reasons
from analysis.findings.evidence import Market, Texts
from analysis.tables.formatting import estimate, number
from analysis.tables.market_differences import interval
from analysis.tables.table import Table

SIGNS = {"below": "<", "above": ">"}

TEXTS_NOTES = (
    "In percent over the baseline, [95 % interval] by the corrected t-test; n: the fewest pairs of runs on any set. "
    "The rules of the verdicts stand under their table among [all tables](results/tables.md).",
)
MARKET_NOTES = (
    "Errors in units of 0 to 1: mean [95 % interval over seeds] [over days]. The paper's number is computed from its "
    "rounded tables.",
)


def of_texts(texts: Texts) -> Iterator[Table]:
    """A table for each recipe of LSTM-CS; claims without runs stand in the first only."""
    for place, (recipe, rows) in enumerate(texts.verdicts.groupby("recipe", sort=False)):
        rows = rows if place == 0 else rows[rows["sets"] > 0]
        if len(rows):
            yield _of_recipe(str(recipe), rows.assign(metric=rows["claim"].map(_metrics())), texts)


def _of_recipe(recipe: str, rows: pd.DataFrame, texts: Texts) -> Table:
    papers = _papers()
    listed = rows.to_dict("records")
    several = rows["claim"].duplicated(keep=False)  # judged by each form of the other model
    shown = pd.DataFrame(
        {
            "claim": [_claim(row, of) for row, of in zip(listed, rows["of"].where(several, ""), strict=True)],
            "the paper": [papers.get(str(row["claim"])) or f"{row['claimed']:+g} %" for row in listed],
            "here": [_ours(row) for row in listed],
            "n": [str(row["n"]) for row in listed],
            "verdict": rows["verdict"].to_list(),
            "why": [_why(row, texts) or "-" for row in listed],
        }
    )
    which = f", {recipe}" if recipe else ""
    return Table("claims", f"LSTM-CS{which}: {counts(rows['verdict'])}", rows, shown, TEXTS_NOTES)


def _why(row: Mapping[object, object], texts: Texts) -> str:
    told = {str(key): value for key, value in row.items()}
    return reasons.of_texts(told, texts.best_of_many, texts.not_learned, texts.encoders)


def _claim(row: Mapping[object, object], of: str) -> str:
    return f"{row['claim']} ({row['where']}{f', {of}' if of else ''})"


def _papers() -> dict[str, str]:
    """The paper's side of the claims that are no number of percent."""
    bounds = {claim.text: f"{SIGNS[claim.bound]} {claim.number:g} %" for claim in CLAIMS if claim.bound}
    return bounds | {claim.text: _count(claim) for claim in COUNTING_CLAIMS}


def _count(claim: CountingClaim) -> str:
    if not claim.least:
        return f"at most {claim.most} of {claim.every}"
    return f"{claim.least} of {claim.every}"


def _metrics() -> Mapping[str, str]:
    """The score of each claim about one; others, of Tables 3-9, are about macro-F1."""
    return _WithDefault({claim.text: claim.metric for claim in CLAIMS})


class _WithDefault(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "macro_f1"


def _ours(row: Mapping[object, object]) -> str:
    if row["counted"]:
        return str(row["counted"])
    mean, low, high = (float(str(row[key])) for key in ("improvement", "low", "high"))
    return f"{estimate(mean, low, high)} {row['alteration']}".strip()


def of_market(market: Market) -> Table:
    """The table of the Bitcoin paper's claims, in both errors."""
    rows = market.verdicts
    listed = rows.to_dict("records")
    shown = pd.DataFrame(
        {
            "claim": [_claim(row, "") for row in listed],
            "error": rows["metric"].str.upper().to_list(),
            "the paper": [number(row["printed"], 3, True) for row in listed],
            "here": [_error(row) for row in listed],
            "seeds": rows["n"].astype(str).to_list(),
            "verdict": rows["verdict"].to_list(),
            "why": [reasons.of_market({str(key): value for key, value in row.items()}) or "-" for row in listed],
        }
    )
    source = f", sentiment={market.sentiment}" if market.sentiment else ""
    return Table("market_claims", f"Bitcoin{source}: {counts(rows['verdict'])}", rows, shown, MARKET_NOTES)


def _error(row: Mapping[object, object]) -> str:
    low, high, days_low, days_high = (float(str(row[key])) for key in ("low", "high", "days_low", "days_high"))
    return number(float(str(row["mean"])), 4, True) + interval(low, high, True) + interval(days_low, days_high, True)


def counts(verdicts: "pd.Series[str]") -> str:
    """How many claims have each verdict: "40 claims, 3 reproduced, 10 not reproduced"."""
    found = verdicts.value_counts()
    return ", ".join([f"{len(verdicts)} verdicts", *(f"{found[name]} {name}" for name in VERDICTS if name in found)])
