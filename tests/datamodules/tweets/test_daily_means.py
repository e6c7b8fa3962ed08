"""The scores of all chunks become one row per day, however few tweets fit into memory."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datamodules.tweets import daily_means
from datamodules.tweets.daily_means import average_by_day
from datamodules.tweets.tweet_scores import TweetScores, save_scores


def blocks(rows: pd.DataFrame) -> list[daily_means._Block]:
    return list(daily_means._blocks(rows["days"].value_counts().to_dict()))


@pytest.mark.parametrize("fit", [60, 10], ids=["whole days", "parts of a day"])
def test_days_are_averaged_across_chunks_however_few_tweets_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: int
) -> None:
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "days": generator.integers(736_000, 736_010, 500).astype(np.int32),
            "keys": generator.integers(0, 20, 500).astype(np.uint64),
        }
    )
    rows["values"] = (rows["keys"] / 20.0).astype(np.float32)
    for number, part in enumerate(np.array_split(np.arange(500), 7)):
        chosen = TweetScores(*(rows[name].to_numpy()[part] for name in TweetScores._fields))
        save_scores(tmp_path / f"{number}.npz", chosen, broken=number, not_utf8=2, converted=3, assumed=4)
    paths = sorted(tmp_path.glob("*.npz"))

    at_once, *counts = average_by_day(paths)
    monkeypatch.setattr(daily_means, "AT_ONCE", fit)
    held = [len(rows[rows["days"].between(b.first, b.last) & (rows["keys"] % b.parts == b.part)]) for b in blocks(rows)]
    assert sum(held) == 500
    assert max(held) < 2 * fit  # keys are few here, so parts are not quite equal
    in_blocks = average_by_day(paths).table
    once = rows.drop_duplicates(["days", "keys"]).groupby("days")["values"]
    assert counts == [sum(range(7)), 14, 21, 28]
    pd.testing.assert_frame_equal(at_once, in_blocks)
    assert at_once["mean"].tolist() == pytest.approx(once.mean().tolist())
    assert at_once["tweets"].tolist() == once.size().tolist()
    assert at_once["tweets"].sum() + at_once["duplicates"].sum() == 500
