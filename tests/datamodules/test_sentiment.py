import csv
import itertools
import os
import random
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.sentiment.vader import SentimentIntensityAnalyzer, VaderConstants

from datamodules.errors import DataError
from datamodules.sentiment import DailyCsv, Places, PriceSign, Tweets, read_daily
from datamodules.tweets import layouts, scores, scoring
from datamodules.tweets.vader import analyser, compound

FIXTURES = Path(__file__).parents[1] / "fixtures" / "market"
PROJECT = Path(__file__).parents[2]
MBSA = FIXTURES / "mbsa.csv"
TWEETS = FIXTURES / "tweets.csv"

# From NLTK's own documentation of its sentiment package (howto/sentiment).
PUBLISHED = {
    "VADER is smart, handsome, and funny.": 0.8316,
    "VADER is not smart, handsome, nor funny.": -0.7424,
    "VADER is VERY SMART, handsome, and FUNNY!!!": 0.9342,
    "Today SUX!": -0.5461,
    "At least it isn't a horrible book.": 0.431,
    "": 0.0,
}


@pytest.mark.parametrize(("text", "score"), PUBLISHED.items())
def test_vader_gives_the_published_scores(text: str, score: float) -> None:
    assert compound(text) == score


tokens = st.text(alphabet=list("GODbad!?.,'\":;-)("), max_size=6) | st.sampled_from(
    ["not", "very", "GREAT", "kind", "of"]
)


@given(st.lists(tokens | st.sampled_from(["good", "sux", "but", "least", ":)", ":-("]), max_size=12).map(" ".join))
@settings(deadline=None)
def test_the_quicker_vader_is_nltks_own(text: str) -> None:
    slow = SentimentIntensityAnalyzer.__new__(SentimentIntensityAnalyzer)  # its constructor wants a download
    slow.lexicon, slow.constants = analyser().lexicon, VaderConstants()
    assert analyser().polarity_scores(text) == slow.polarity_scores(text)


def whole(path: Path) -> tuple[list[layouts.Tweet], int]:
    """All tweets of a file, read as one piece."""
    (piece,) = layouts.pieces(path, 1 << 20)
    return layouts.read(path, piece)


def test_the_layout_of_mbsa() -> None:
    found, broken = whole(MBSA)
    assert [(tweet.day.day, tweet.text, tweet.tag) for tweet in found] == [
        (2, "VADER is smart, handsome, and funny.", 1),
        (1, "Today SUX!", -1),
        (2, "RT @someone: VADER is smart, handsome, and funny.", 1),
        (2, "VADER is smart, handsome, and funny.", 1),
        (3, 'A tweet over two lines:\n2018-01-01, the book was "really" good.', 0),
        (3, 'he said "well" and this is not bad', 1),
        (3, "", 0),
        (4, "At least it isn't a horrible book.", -1),
    ]
    assert broken == 3  # the open quote, 30 February, the row without a tag


def test_the_layout_of_tweets() -> None:
    found, broken = whole(TWEETS)
    assert [(tweet.day, tweet.text) for tweet in found] == [
        (date(2019, 5, 27), "VADER is smart, handsome, and funny."),
        (date(2019, 5, 28), "Today SUX!"),  # half past eleven at night, five hours west of Greenwich
        (date(2019, 5, 28), "a raw line\nbreak; and a semicolon; no harm"),
        (date(2019, 5, 28), 'The "book"\nwas good.'),
        (date(2019, 5, 29), '"Quoted" words first'),
    ]
    assert all(tweet.tag is None for tweet in found)
    assert broken == 1


texts = st.lists(st.text(alphabet=list('ab1-,;"\n é'), max_size=40), min_size=1, max_size=5)


@given(texts)
@example(["2018-01-01,a,Positive\n2018-01-02,b,Positive", '1;a;;;2019-05-27 00:00:00+00;0;0;0;"b"'])
@settings(deadline=None)
def test_whatever_a_csv_writer_writes_is_read(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for layout, row, delimiter in (
        (layouts.MBSA, ["2018-01-01", "", "Neutral"], ","),
        (layouts.TWEETS, [7, "u", "n", "", "2018-01-01 00:00:00+00", 0, 0, 0, ""], ";"),
    ):
        with open(path, "w", newline="", encoding="utf-8") as file:
            file.write(layout.header + "\n")
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerows(
                [text if cell == "" and n in (1, 8) else cell for n, cell in enumerate(row)] for text in texts
            )
        found, broken = whole(path)
        assert [tweet.text.strip() for tweet in found] == [text.strip() for text in texts]
        assert broken == 0


@pytest.mark.parametrize("path", [MBSA, TWEETS], ids=["mbsa", "tweets"])
def test_line_ends_of_windows_change_nothing(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    found, broken = whole(copy)
    expected, expected_broken = whole(path)
    assert [(t.day, t.text.replace("\r", ""), t.tag) for t in found] == expected
    assert broken == expected_broken


@pytest.mark.parametrize("path", [MBSA, TWEETS], ids=["mbsa", "tweets"])
@pytest.mark.parametrize("size", range(150, 400, 10))
def test_pieces_hold_whole_rows_and_together_the_file(path: Path, size: int) -> None:
    pieces = layouts.pieces(path, size)
    assert len(pieces) > 1
    assert pieces[0].start == len(layouts.layout_of(path).header) + 1
    assert pieces[-1].end == path.stat().st_size
    assert all(one.end == other.start for one, other in itertools.pairwise(pieces))
    parts = [layouts.read(path, piece) for piece in pieces]
    found, broken = whole(path)
    assert [tweet for part, _ in parts for tweet in part] == found
    assert sum(count for _, count in parts) == broken


def test_a_file_without_rows_is_cut_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text("Date,text,Sentiment\n" + "x" * 10_000)
    pieces = layouts.pieces(path, 1000)
    assert max(piece.end - piece.start for piece in pieces) <= 2000
    assert [layouts.read(path, piece) for piece in pieces] == [([], 1)] * len(pieces)


def test_rows_run_together_are_no_tweet(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text(f"Date,text,Sentiment\n2018-01-01,{'x' * 10_001},Positive\n")
    assert whole(path) == ([], 1)


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("date;tweet\n")
    with pytest.raises(DataError, match="its first line is 'date;tweet', not Date,text,Sentiment or id;user"):
        layouts.layout_of(path)
    with pytest.raises(DataError, match=r"missing.csv cannot be read"):
        layouts.layout_of(tmp_path / "missing.csv")


def daily(path: Path, by: str, cache: Path, processes: int = 1, piece_size: int = 150) -> pd.DataFrame:
    return pd.read_csv(scoring.daily_file(path, by, cache, processes, piece_size), comment="#").set_index("date")


def test_vader_scores_repetitions_once(tmp_path: Path) -> None:
    table = daily(MBSA, "vader", tmp_path)
    assert table["tweets"].tolist() == [1, 1, 3, 1]
    assert table["duplicates"].tolist() == [0, 2, 0, 0]  # one of the three on the second is a retweet
    assert table["mean"].tolist() == pytest.approx(
        [
            -0.5461,
            0.8316,
            (compound("The book was good") + compound("this is not bad")) / 3,
            0.431,
        ],
        abs=1e-6,
    )
    assert table.loc["2018-01-03", ["positive", "negative", "neutral"]].tolist() == pytest.approx([2 / 3, 0, 1 / 3])


def test_retweets_are_recognised_in_any_case() -> None:
    day = date(2018, 1, 1)
    texts = ["good", "RT @a: good", "rt @a: good", "Rt @b good", "part @a: good"]
    keys = scores.by_vader([layouts.Tweet(day, text, None) for text in texts]).keys.tolist()
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


def test_every_tag_counts(tmp_path: Path) -> None:
    table = daily(MBSA, "tag", tmp_path)
    assert table["mean"].tolist() == pytest.approx([-1, 1, 1 / 3, -1])
    assert table["tweets"].tolist() == [1, 3, 3, 1]
    assert table["duplicates"].sum() == 0


def test_what_was_counted_is_said(tmp_path: Path) -> None:
    places = Places(MBSA.parent, tmp_path)
    series = Tweets("tag", "mbsa.csv", "tag").load(places, pd.DataFrame())
    assert series.values.to_dict()[pd.Timestamp("2018-01-03")] == pytest.approx(1 / 3)
    assert series.note == (
        "Sentiment tag: mbsa.csv by tag: 8 tweets on 4 days, 0 duplicates left out, 3 broken lines skipped."
    )


def test_what_a_file_cannot_be_scored_by(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no tags: use sentiment=vader"):
        scoring.daily_file(TWEETS, "tag", tmp_path)
    with pytest.raises(DataError, match=r"sentiment.by=bert: choose vader or tag"):
        scoring.daily_file(TWEETS, "bert", tmp_path)


def test_a_file_without_a_tweet(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text("Date,text,Sentiment\nnothing\nof use\n")
    with pytest.raises(DataError, match="no readable tweet, but 2 broken lines"):
        scoring.daily_file(path, "tag", tmp_path)


def blocks(rows: pd.DataFrame) -> list[scores._Block]:
    return list(scores._blocks(rows["days"].value_counts().to_dict()))


@pytest.mark.parametrize("fit", [60, 10], ids=["whole days", "parts of a day"])
def test_days_are_merged_across_pieces_however_few_fit_in_memory(
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
        chosen = scores.Scores(*(rows[name].to_numpy()[part] for name in scores.Scores._fields))
        scores.save(tmp_path / f"{number}.npz", chosen, broken=number)
    paths = sorted(tmp_path.glob("*.npz"))

    at_once, broken = scores.merge(paths)
    monkeypatch.setattr(scores, "AT_ONCE", fit)
    held = [len(rows[rows["days"].between(b.first, b.last) & (rows["keys"] % b.parts == b.part)]) for b in blocks(rows)]
    assert sum(held) == 500
    assert max(held) < 2 * fit  # keys are few here, so parts are not quite equal
    in_blocks, _ = scores.merge(paths)
    once = rows.drop_duplicates(["days", "keys"]).groupby("days")["values"]
    assert broken == sum(range(7))
    pd.testing.assert_frame_equal(at_once, in_blocks)
    assert at_once["mean"].tolist() == pytest.approx(once.mean().tolist())
    assert at_once["tweets"].tolist() == once.size().tolist()
    assert at_once["tweets"].sum() + at_once["duplicates"].sum() == 500


def test_pieces_that_are_done_are_not_done_again(tmp_path: Path) -> None:
    """A doctored piece shows up in the result."""
    result = scoring.daily_file(MBSA, "tag", tmp_path, 1, 150)
    folder = result.with_suffix("")
    result.unlink()
    folder.mkdir()
    first = layouts.pieces(MBSA, 150)[0]
    doctored = scores.by_tag([layouts.Tweet(date(2000, 1, 1), "", 1)], first)
    scores.save(folder / f"{first.start:015d}.npz", doctored, broken=0)
    assert scoring.daily_file(MBSA, "tag", tmp_path, 1, 150) == result
    assert pd.read_csv(result, comment="#")["date"][0] == "2000-01-01"


def test_a_changed_file_is_scored_anew(tmp_path: Path) -> None:
    path = tmp_path / "mbsa.csv"
    path.write_text("Date,text,Sentiment\n2018-01-01,one,Positive\n")
    assert daily(path, "tag", tmp_path)["mean"].tolist() == [1]
    path.write_text("Date,text,Sentiment\n2018-01-01,one,Negative\n")
    os.utime(path, (0, 0))
    assert daily(path, "tag", tmp_path)["mean"].tolist() == [-1]


def made_up_tweets(path: Path, count: int) -> Path:
    generator = random.Random(0)
    words = ["bitcoin", "great", "AWFUL", "moon", "crash", "love", "hate", "scam", "the", "is", "not", "very"]
    with open(path, "w") as file:
        file.write("Date,text,Sentiment\n")
        for _ in range(count):
            text = " ".join(generator.choices(words, k=12))
            file.write(f'2018-01-{generator.randint(1, 31):02d},"{text}\n!",Positive\n')
    return path


def ends(group: int) -> bool:
    """Whether all processes of a group are gone; waits for it."""
    for _ in range(300):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_killed_run_leaves_no_process_and_goes_on_to_the_same_result(tmp_path: Path) -> None:
    path = made_up_tweets(tmp_path / "mbsa.csv", 6_000)
    code = (
        "from pathlib import Path\nfrom datamodules.tweets.scoring import daily_file\n"
        f"daily_file(Path({str(path)!r}), 'vader', Path({str(tmp_path / 'killed')!r}), 2, 8_000)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, start_new_session=True)
    try:
        while len(list((tmp_path / "killed").glob("sentiment/*/*.npz"))) < 3:
            assert run.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        run.kill()
    run.wait()
    assert ends(run.pid)
    assert not list((tmp_path / "killed").glob("sentiment/*.csv"))

    resumed = scoring.daily_file(path, "vader", tmp_path / "killed", 2, 8_000)
    undisturbed = scoring.daily_file(path, "vader", tmp_path / "undisturbed", 1, 8_000)
    assert resumed.read_bytes() == undisturbed.read_bytes()
    assert not resumed.with_suffix("").exists()


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "datamodules.sentiment", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_says_what_it_counted_and_where_the_result_is(tmp_path: Path) -> None:
    done = command(str(MBSA), "--by", "tag", cwd=tmp_path)
    counts, path = done.stdout.splitlines()
    assert counts == "mbsa.csv by tag: 8 tweets on 4 days, 0 duplicates left out, 3 broken lines skipped"
    assert len(pd.read_csv(tmp_path / path, comment="#")) == 4
    assert done.stderr == ""


def test_the_command_names_a_mistake_in_one_line(tmp_path: Path) -> None:
    done = command("nowhere.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Error: the tweet file nowhere.csv cannot be read: No such file or directory.\n"


def test_a_daily_csv() -> None:
    series = read_daily(FIXTURES / "mood.csv", "mood")
    assert series.to_dict() == {
        pd.Timestamp(2015, 3, day): value
        for day, value in ((1, 0.1), (2, -0.2), (3, 0.3), (6, 0.6), (8, 0.8), (10, 1.0))
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2015-03-02", "2015-03-01", "date 2015-03-01, value -0.20: this date stands there twice"),
        ("2015-03-02", "2 March", "date 2 March, value -0.20: date is not such as"),
        ("0.30", "good", "date 2015-03-03, value good: 'mood' is no number"),
        ("mood", "mood,empty", "has no value in its column 'empty'"),
        ("mood", "moods", "has no column 'mood': it has date, moods"),
    ],
)
def test_a_broken_daily_csv(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mood.csv"
    path.write_text((FIXTURES / "mood.csv").read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_daily(path, "empty" if "empty" in new else "mood")


def test_a_daily_csv_is_called_by_its_column_unless_it_has_a_name() -> None:
    places = Places(FIXTURES, FIXTURES)
    assert DailyCsv("csv", "mood.csv", "mood").load(places, pd.DataFrame()).name == "mood"
    assert DailyCsv("mine", "mood.csv", "mood").load(places, pd.DataFrame()).name == "mine"


def test_a_daily_csv_without_file_or_address(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine.csv is missing: put it there, or name another with sentiment.file="):
        DailyCsv("csv", "mine.csv", "mood").load(Places(tmp_path, tmp_path), pd.DataFrame())


def test_a_daily_csv_that_is_not_the_pinned_one() -> None:
    kind = DailyCsv("reddit", "mood.csv", "mood", "https://nowhere.invalid/mood.csv", "sha256:0")
    series = kind.load(Places(FIXTURES, FIXTURES), pd.DataFrame())
    assert series.note == "Sentiment reddit: 'mood' of mood.csv, which is not the pinned version."


def test_the_sign_of_the_price() -> None:
    btc = pd.DataFrame({"Close": [1.0, 2.0, 2.0, 1.5]}, pd.date_range("2015-03-01", periods=4))
    series = PriceSign("price_sign").load(Places(Path(), Path()), btc)
    assert series.values.tolist() == [1, 0, -1]
    assert series.values.index[0] == pd.Timestamp("2015-03-02")


def test_real_tweets(shared_data: Path, tmp_path: Path) -> None:
    table = daily(shared_data / "market" / "tweets_mbsa_format.csv", "tag", tmp_path, piece_size=100_000)
    assert table["tweets"].sum() == 5149
    assert len(table) == 1281
    assert set(table["mean"]) == {-1, 0, 1}
