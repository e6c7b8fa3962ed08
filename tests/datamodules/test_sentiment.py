"""Sources of daily sentiment, and the command `python -m datamodules.sentiment`."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT

from datamodules import sentiment
from datamodules.errors import DataError
from datamodules.sentiment import DailyCsv, Folders, PriceSign, TweetCounts, Tweets, read_daily_csv

FIXTURES = PROJECT / "tests" / "fixtures" / "market"
MBSA = FIXTURES / "mbsa.csv"
NO_PRICES = pd.DataFrame()


@pytest.mark.processes
def test_the_note_on_tweets_says_how_many_were_counted(tmp_path: Path) -> None:
    series = Tweets("tag", "mbsa.csv", "tag").load(Folders(FIXTURES, tmp_path), NO_PRICES)
    assert series.values.to_dict()[pd.Timestamp("2018-01-03")] == pytest.approx(1 / 3)
    assert series.note == (
        "Sentiment tag: mbsa.csv by tag: 8 tweets on 4 days, 0 duplicates left out, 3 broken lines skipped."
    )


@pytest.mark.processes
def test_tweets_are_counted_with_their_repetitions(tmp_path: Path) -> None:
    series = TweetCounts("tweets", "mbsa.csv").load(Folders(FIXTURES, tmp_path), NO_PRICES)
    assert series.values.tolist() == [1, 3, 3, 1]
    assert "by vader: 6 tweets on 4 days, 2 duplicates left out" in series.note


@pytest.mark.processes
def test_the_series_of_prepared_tweets_says_so_in_its_name(tmp_path: Path) -> None:
    series = Tweets("vader", "mbsa.csv", "vader", "paper").load(Folders(FIXTURES, tmp_path), NO_PRICES)
    assert series.name == "vader_paper"
    assert "prepared as in the paper" in series.note


@pytest.mark.processes
def test_the_command_prints_what_it_counted_and_where_the_result_is(tmp_path: Path) -> None:
    """In a process of its own, because its workers import the module of the command again."""
    command = [sys.executable, "-m", "datamodules.sentiment", str(MBSA), "--by", "tag"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    counts, path = done.stdout.splitlines()
    assert counts == "mbsa.csv by tag: 8 tweets on 4 days, 0 duplicates left out, 3 broken lines skipped"
    assert len(pd.read_csv(tmp_path / path, comment="#")) == 4


def test_the_command_reports_a_mistake_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sentiment", "nowhere.csv"])
    with pytest.raises(SystemExit) as caught:
        sentiment.main()
    # Python prints such a code and exits with 1.
    assert caught.value.code == "Error: the tweet file nowhere.csv cannot be read: No such file or directory."


def test_an_interrupted_command_says_that_it_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["sentiment", str(MBSA)])
    monkeypatch.setattr(sentiment, "make_daily_file", interrupted)
    with pytest.raises(SystemExit) as caught:
        sentiment.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "\nInterrupted; the same command resumes.\n"


def test_a_daily_csv_is_read_by_day_without_its_empty_days() -> None:
    series = read_daily_csv(FIXTURES / "mood.csv", "mood").values
    assert series.to_dict() == {
        pd.Timestamp(2015, 3, day): value
        for day, value in ((1, 0.1), (2, -0.2), (3, 0.3), (6, 0.6), (8, 0.8), (10, 1.0))
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2015-03-02", "2015-03-01", "date 2015-03-01, value -0.20: this date occurs twice"),
        ("2015-03-02", "2 March", "date 2 March, value -0.20: the date is not such as"),
        ("0.30", "good", "date 2015-03-03, value good: 'mood' is not a number"),
        ("0.30", "1e999", "date 2015-03-03, value 1e999: 'mood' is not a number"),
        ("0.30", "1e40", "date 2015-03-03, value 1e40: 'mood' is too large to be true"),
        ("2015-03-02", "9999-12-31 23:00:00-05:00", "the date is not such as"),
        ("mood", "mood,mood", "the column mood stands twice in the header"),
        ("mood", "mood,Date", "the column date stands twice in the header"),
        ("mood", "moods", "no column mood in the header 'date,moods'"),
    ],
)
def test_a_broken_daily_csv_is_refused_with_date_and_value(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mood.csv"
    path.write_text((FIXTURES / "mood.csv").read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_daily_csv(path, "mood")


def test_a_row_is_not_cut_where_another_column_begins_with_a_hash(tmp_path: Path) -> None:
    """Cut there, the day would have no value, and the day before's would stand in."""
    path = tmp_path / "mood.csv"
    path.write_text("date,top,mood\n2015-03-01,a,0.1\n2015-03-02,#btc,0.2\n")
    assert read_daily_csv(path, "mood").values.tolist() == [0.1, 0.2]


def test_days_with_a_zone_are_converted_and_the_note_says_so(tmp_path: Path) -> None:
    (tmp_path / "mood.csv").write_text("date,mood\n2014-12-30 19:00:00-05:00,1\n2014-12-31 19:00:00-05:00,2\n")
    series = DailyCsv("csv", "mood.csv", "mood").load(Folders(tmp_path, tmp_path), NO_PRICES)
    assert series.values.to_dict() == {pd.Timestamp("2014-12-31"): 1.0, pd.Timestamp("2015-01-01"): 2.0}
    assert series.note == "Sentiment mood: 'mood' of mood.csv, 2 times with a zone converted to UTC."


def test_the_note_counts_comments_below_the_header(tmp_path: Path) -> None:
    (tmp_path / "mood.csv").write_text("# of a week\ntop,date,mood\nb,2015-03-01,1\n#a,2015-03-02,2\n")
    series = DailyCsv("csv", "mood.csv", "mood").load(Folders(tmp_path, tmp_path), NO_PRICES)
    assert series.note == "Sentiment mood: 'mood' of mood.csv, 1 line that begins with # is a comment."


def test_a_daily_csv_of_a_header_or_of_empty_fields_has_no_value(tmp_path: Path) -> None:
    for content in ("date,mood\n", "date,mood\n2015-03-01,\n2015-03-02,NaN\n"):
        (tmp_path / "mood.csv").write_text(content)
        with pytest.raises(DataError, match=r"has no value in its column 'mood'"):
            read_daily_csv(tmp_path / "mood.csv", "mood")


@pytest.mark.processes
def test_the_note_counts_tweets_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "mbsa.csv").write_bytes(MBSA.read_bytes().replace(b"Today SUX", b"Tod\xe4y SUX"))
    series = Tweets("tag", "mbsa.csv", "tag").load(Folders(tmp_path, tmp_path), NO_PRICES)
    assert series.note.endswith("3 broken lines skipped, 1 tweets with bytes that are not UTF-8 or NUL.")


@pytest.mark.processes
def test_the_note_counts_times_that_were_converted(tmp_path: Path) -> None:
    (tmp_path / "dated.csv").write_text("Date,text\n2019-05-27 23:30:00-05,good\n2019-05-29 08:00,bad\n2019-05-30,so\n")
    series = Tweets("vader", "dated.csv", "vader").load(Folders(tmp_path, tmp_path), NO_PRICES)
    assert [f"{day:%m-%d}" for day in series.values.index] == ["05-28", "05-29", "05-30"]
    assert series.note.endswith(
        "0 broken lines skipped, 1 times in other zones converted to UTC, 1 times without a zone taken as UTC."
    )


def test_a_daily_csv_without_a_name_gets_that_of_its_column() -> None:
    places = Folders(FIXTURES, FIXTURES)
    assert DailyCsv("csv", "mood.csv", "mood").load(places, NO_PRICES).name == "mood"
    assert DailyCsv("mine", "mood.csv", "mood").load(places, NO_PRICES).name == "mine"


def test_a_daily_csv_without_file_or_address_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine.csv is missing: put it there, or name another with sentiment.file="):
        DailyCsv("csv", "mine.csv", "mood").load(Folders(tmp_path, tmp_path), NO_PRICES)


def test_the_note_says_that_a_daily_csv_is_not_the_pinned_version() -> None:
    kind = DailyCsv("reddit", "mood.csv", "mood", "https://nowhere.invalid/mood.csv", "sha256:0")
    series = kind.load(Folders(FIXTURES, FIXTURES), NO_PRICES)
    assert series.note == "Sentiment reddit: 'mood' of mood.csv, which is not the pinned version."


def test_price_sign_is_the_sign_of_each_days_change() -> None:
    btc = pd.DataFrame({"Close": [1.0, 2.0, 2.0, 1.5]}, pd.date_range("2015-03-01", periods=4))
    series = PriceSign("price_sign").load(Folders(Path(), Path()), btc)
    assert series.values.tolist() == [1, 0, -1]
    assert series.values.index[0] == pd.Timestamp("2015-03-02")
