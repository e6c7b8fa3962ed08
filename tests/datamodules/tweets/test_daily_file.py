"""A tweet file becomes one row per day, on any number of processes and after any interruption."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT

from datamodules.errors import DataError
from datamodules.tweets.daily_file import make_daily_file
from datamodules.tweets.kaggle_layouts import Tweet, chunks
from datamodules.tweets.tweet_scores import save_scores, score_by_tag
from datamodules.tweets.vader import compound

FIXTURES = PROJECT / "tests" / "fixtures" / "market"
MBSA = FIXTURES / "mbsa.csv"
TWEETS = FIXTURES / "tweets.csv"
PATIENCE = 240  # seconds, against hanging only

pytestmark = pytest.mark.processes  # scoring starts worker processes


def daily(path: Path, by: str, cache: Path, chunk_size: int = 150) -> pd.DataFrame:
    return pd.read_csv(make_daily_file(path, by, cache, 1, chunk_size), comment="#").set_index("date")


def test_vader_scores_repetitions_once(tmp_path: Path) -> None:
    table = daily(MBSA, "vader", tmp_path)
    assert table["tweets"].tolist() == [1, 1, 3, 1]
    assert table["duplicates"].tolist() == [0, 2, 0, 0]  # one of the three on the second is a retweet
    third = (compound("The book was good") + compound("this is not bad")) / 3
    assert table["mean"].tolist() == pytest.approx([-0.5461, 0.8316, third, 0.431], abs=1e-6)
    assert table.loc["2018-01-03", ["positive", "negative", "neutral"]].tolist() == pytest.approx([2 / 3, 0, 1 / 3])


def test_prepared_tweets_have_a_file_of_their_own(tmp_path: Path) -> None:
    raw = make_daily_file(MBSA, "vader", tmp_path, 1)
    paper = make_daily_file(MBSA, "vader", tmp_path, 1, prepare="paper")
    assert paper != raw
    assert "by vader, prepared as in the paper: " in paper.read_text()
    means = pd.read_csv(paper, comment="#").set_index("date")["mean"]
    third = (compound("tweet two line : 2018-01-01 , book `` realli '' good .") + compound("said `` well '' bad")) / 3
    assert means["2018-01-03"] == pytest.approx(third, abs=1e-6)
    with pytest.raises(DataError, match=r"sentiment.prepare=paper: choose raw or paper, and raw for tags"):
        make_daily_file(MBSA, "tag", tmp_path, prepare="paper")


def test_every_tag_counts(tmp_path: Path) -> None:
    table = daily(MBSA, "tag", tmp_path)
    assert table["mean"].tolist() == pytest.approx([-1, 1, 1 / 3, -1])
    assert table["tweets"].tolist() == [1, 3, 3, 1]
    assert table["duplicates"].sum() == 0


def test_scores_that_a_file_cannot_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no tags: use sentiment=vader"):
        make_daily_file(TWEETS, "tag", tmp_path)
    with pytest.raises(DataError, match=r"sentiment.by=bert: choose vader or tag"):
        make_daily_file(TWEETS, "bert", tmp_path)


def test_a_file_without_a_tweet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text("Date,text,Sentiment\nnothing\nof use\n")
    with pytest.raises(DataError, match="no readable tweet, but 2 broken lines"):
        make_daily_file(path, "tag", tmp_path, 1)


def test_finished_chunks_are_not_scored_again(tmp_path: Path) -> None:
    """A falsified chunk shows in the result."""
    result = make_daily_file(MBSA, "tag", tmp_path, 1, 150)
    folder = result.with_suffix("")
    result.unlink()
    folder.mkdir()
    first = chunks(MBSA, 150)[0]
    falsified = score_by_tag([Tweet(date(2000, 1, 1), "", 1)], first)
    save_scores(folder / f"{first.start:015d}.npz", falsified, broken=0)
    assert make_daily_file(MBSA, "tag", tmp_path, 1, 150) == result
    assert pd.read_csv(result, comment="#")["date"][0] == "2000-01-01"


def test_damaged_chunks_are_scored_again(tmp_path: Path) -> None:
    """A power cut may leave a file without its bytes."""
    result = make_daily_file(MBSA, "tag", tmp_path, 1, 150)
    wanted = result.read_bytes()
    result.unlink()
    folder = result.with_suffix("")
    folder.mkdir()
    for chunk in chunks(MBSA, 150)[:2]:
        (folder / f"{chunk.start:015d}.npz").write_bytes(b"")
    assert make_daily_file(MBSA, "tag", tmp_path, 1, 150).read_bytes() == wanted


def test_a_changed_file_is_scored_again_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    for tag, mean in (("Positive", 1), ("Negative", -1), ("Positive", 1)):
        path.write_text(f"Date,text,Sentiment\n2018-01-01,one,{tag}\n")
        os.utime(path, (0, 0))
        assert daily(path, "tag", tmp_path)["mean"].tolist() == [mean]
    assert len(list((tmp_path / "sentiment").glob("*.csv"))) == 2


def test_a_result_with_another_bit_is_computed_again_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = make_daily_file(MBSA, "tag", tmp_path, 1)
    wanted = result.read_bytes()
    for at in range(0, len(wanted), len(wanted) // 5):
        caplog.clear()
        result.write_bytes(wanted[:at] + bytes([wanted[at] ^ 1]) + wanted[at + 1 :])
        assert make_daily_file(MBSA, "tag", tmp_path, 1).read_bytes() == wanted
        assert caplog.messages == [f"{result} was damaged (ValueError) and is made anew."]


def made_up_tweets(path: Path, count: int) -> Path:
    """A file of `count` tweets, the last of which has the word "pause"."""
    generator = random.Random(0)
    words = ["bitcoin", "great", "AWFUL", "moon", "crash", "love", "hate", "scam", "the", "is", "not", "very"]
    with open(path, "w") as file:
        file.write("Date,text,Sentiment\n")
        for number in range(1, count + 1):
            text = " ".join(generator.choices(words, k=12)) + (" pause" if number == count else "")
            file.write(f'2018-01-{generator.randint(1, 31):02d},"{text}\n!",Positive\n')
    return path


# A script, because workers import it again: there, too, scoring waits forever at the tweet with the word "pause".
UNFINISHED = """
import signal, sys
from pathlib import Path
from datamodules.tweets import tweet_scores
from datamodules.tweets.daily_file import make_daily_file

def compound(text, score=tweet_scores.compound):
    while "pause" in text:
        signal.pause()
    return score(text)

tweet_scores.compound = compound
if __name__ == "__main__":
    make_daily_file(Path(sys.argv[1]), "vader", Path(sys.argv[2]), 2, 1_000)
"""


def wait_until_gone(group: int) -> None:
    """Wait until no process of a group is left."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("processes outlive the one that started them")


@pytest.mark.processes
def test_a_killed_run_leaves_no_process_and_resumes_with_the_same_result(tmp_path: Path) -> None:
    path, cache = made_up_tweets(tmp_path / "mbsa.csv", 100), tmp_path / "killed"
    script = tmp_path / "unfinished.py"
    script.write_text(UNFINISHED)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, str(script), str(path), str(cache)]
    run = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        while len(list(cache.glob("sentiment/*/*.npz"))) < len(chunks(path, 1_000)) - 1:
            assert run.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        run.kill()
    run.wait()
    wait_until_gone(run.pid)
    assert not list(cache.glob("sentiment/*.csv"))

    resumed = make_daily_file(path, "vader", cache, 2, 1_000)
    undisturbed = make_daily_file(path, "vader", tmp_path / "undisturbed", 1, 1_000)
    assert resumed.read_bytes() == undisturbed.read_bytes()
    assert not resumed.with_suffix("").exists()


def test_real_tweets(shared_data: Path, tmp_path: Path) -> None:
    table = daily(shared_data / "market" / "tweets_mbsa_format.csv", "tag", tmp_path, chunk_size=100_000)
    assert table["tweets"].sum() == 5149
    assert len(table) == 1281
    assert set(table["mean"]) == {-1, 0, 1}
