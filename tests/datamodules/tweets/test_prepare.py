"""The Bitcoin paper's preparation of tweets, and what it costs."""

import sys
from pathlib import Path

import pytest
from conftest import PROJECT

from datamodules import sentiment
from datamodules.errors import DataError
from datamodules.tweets.kaggle_layouts import chunks, read_chunk
from datamodules.tweets.preparation_cost import STEPS, preparation_cost
from datamodules.tweets.prepare import PAPER, RAW, prepared, tokens, without_stop_words
from datamodules.tweets.vader import compound, in_ascii_quotes

MBSA = PROJECT / "tests" / "fixtures" / "market" / "mbsa.csv"


def test_tokens_are_the_papers_example() -> None:
    assert tokens("Arthur didn't feel very good.") == ["Arthur", "did", "n't", "feel", "very", "good", "."]


@pytest.mark.parametrize("mark", "\u2019\u2018`\u00b4\u02bc\u2032\uff07")
def test_a_typographic_apostrophe_is_one(mark: str) -> None:
    assert compound(f"I don{mark}t like it") == compound("I don't like it") < 0
    assert tokens(f"I don{mark}t like it") == tokens("I don't like it")


def test_words_in_typographic_quotes_are_words_and_emoticons_stay() -> None:
    assert compound("he said \u201cgreat day\u201d") == compound('he said "great day"') > 0
    assert compound("he said \u2018great day\u2019") == compound("he said 'great day'") > 0
    assert compound(":'(") < 0
    assert in_ascii_quotes("5` x` `y") == "5` x` `y"


def test_every_sentence_loses_its_full_stop_and_the_last_abbreviations_too() -> None:
    """Without NLTK's model of sentences a full stop behind an abbreviation ends one."""
    assert tokens("Great news. Buy now!") == ["Great", "news", ".", "Buy", "now", "!"]
    assert tokens("Ask Mr. Smith") == ["Ask", "Mr", ".", "Smith"]


def test_the_chain_drops_stop_words_in_any_case_and_stems() -> None:
    assert without_stop_words(["The", "NOT", "coin", "n't"]) == ["coin", "n't"]
    assert prepared("The miners are NOT studying it.", PAPER) == "miner studi ."
    assert prepared("The miners are NOT studying it.", RAW) == "The miners are NOT studying it."


def test_what_is_not_good_becomes_good() -> None:
    text = "this is not good"
    assert compound(text) < 0 < compound(prepared(text, PAPER))


def test_a_file_of_dates_and_texts_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dated.csv"
    path.write_text('Date,text\n2018-01-02,"a ""good"" day, all of it"\n2018-01-03,plain\nnothing\n')
    (chunk,) = chunks(path, 1000)
    read, broken, *_ = read_chunk(path, chunk)
    assert [(str(tweet.day), tweet.text, tweet.tag) for tweet in read] == [
        ("2018-01-02", 'a "good" day, all of it', None),
        ("2018-01-03", "plain", None),
    ]
    assert broken == 1


def test_the_cost_is_counted_over_different_texts(tmp_path: Path) -> None:
    path = tmp_path / "dated.csv"
    texts = ["this is not good", "a good day", "a good day", "a crash", "happy people"]
    path.write_text("Date,text\n" + "".join(f"2018-01-0{day},{text}\n" for day, text in enumerate(texts, 1)))
    cost = preparation_cost(path)
    assert list(cost.index) == list(STEPS)
    assert cost["tweets"].tolist() == [4] * 4
    assert cost.loc["tokens", ["correlation", "opposite", "lost"]].tolist() == pytest.approx([1, 0, 0])
    assert cost.loc["tokens without stop-words", "opposite"] == 0.25  # "not good"
    assert cost.loc["and Porter's stems (prepare=paper)", "lost"] == 0.25  # "happi"
    path.write_text("Date,text\n2018-01-01,alone\n")
    with pytest.raises(DataError, match="has 1 tweets, which is too few to compare"):
        preparation_cost(path)


def test_the_command_prints_what_each_step_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["python -m datamodules.sentiment FILE", str(MBSA), "--cost"])
    sentiment.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(STEPS)
    assert "opposite sign" in lines[0]


@pytest.mark.slow
def test_on_real_tweets_the_chain_correlates_at_four_fifths(shared_data: Path) -> None:
    cost = preparation_cost(shared_data / "market" / "tweets_mbsa_format.csv")
    row = cost.loc["and Porter's stems (prepare=paper)", ["tweets", "correlation", "opposite", "lost"]]
    assert row.tolist() == pytest.approx([5129, 0.791, 0.044, 0.168], abs=0.001)
