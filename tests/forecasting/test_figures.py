"""The figures of a run on the market."""

import pandas as pd

from analysis.report import palette
from forecasting.figures import figure_7, importance_figure, in_words

DAYS = pd.date_range("2020-01-01", periods=4)


def predictions() -> pd.DataFrame:
    columns = {"truth": [1.0, 2, 3, 4], "prediction": [1.5, 2.5, 3.5, 4.5], "persistence": [0.0, 1, 2, 3]}
    return pd.DataFrame({"day": DAYS, "split": ["train", "train", "val", "val"], **columns})


def test_figure_7_shows_truth_both_parts_and_persistence_of_the_scored_part() -> None:
    whole, end = figure_7(predictions(), "a title").axes
    for axes in (whole, end):  # with only four days both show all
        assert {line.get_label(): list(line.get_ydata()) for line in axes.lines} == {
            "truth": [1, 2, 3, 4],
            "fitted (training)": [1.5, 2.5],
            "forecast (validation)": [3.5, 4.5],
            "persistence: tomorrow = today": [2, 3],
        }
    assert whole.get_title() == "a title"


def test_the_errors_in_words_are_both_and_persistences() -> None:
    assert in_words({"rmse": 0.12, "mae": 0.09}, {"rmse": 0.0209, "mae": 0.0125}) == (
        "RMSE 0.1200, MAE 0.0900 on the scored days, in scaled units (persistence: RMSE 0.0209, MAE 0.0125)"
    )


def test_figure_7_enlarges_the_last_days() -> None:
    many = pd.concat([predictions()] * 30, ignore_index=True).assign(split="val")
    whole, end = figure_7(many, "a title").axes
    assert len(whole.lines[0].get_ydata()) == 120
    assert list(end.lines[0].get_ydata()) == many["truth"].tolist()[-60:]


def test_colours_are_those_of_the_report() -> None:
    """Both use Okabe and Ito's palette."""
    every = pd.concat([predictions(), predictions().assign(split="test")], ignore_index=True)
    colours = {str(line.get_color()).upper() for line in figure_7(every, "a title").axes[0].lines}
    assert colours == {palette.BLUE.upper(), palette.ORANGE, palette.GREEN.upper(), palette.VERMILLION, "BLACK"}


def test_importance_has_a_bar_for_each_feature_and_measure() -> None:
    table = pd.DataFrame({"feature": ["a", "b"], "permutation": [0.1, -0.2], "integrated_gradients": [0.3, 0.4]})
    figure = importance_figure(table, "a title")
    left, right = figure.axes
    assert figure.get_suptitle() == "a title"
    assert [bar.get_width() for bar in left.patches] == [0.1, -0.2]
    assert [bar.get_width() for bar in right.patches] == [0.3, 0.4]
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b"]
