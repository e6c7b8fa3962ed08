"""How numbers, counts, models and file names are written in tables."""

import re

import pandas as pd


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """A number as it is shown; a dash for a missing one."""
    return "-" if pd.isna(value) else f"{value:{'+' if sign else ''},.{digits}f}"


def estimate(mean: float, low: float, high: float, digits: int = 2) -> str:
    """A mean with its interval, "+0.31 [-0.20, +0.82]", or without one where there is none."""
    interval = "" if pd.isna(low) or pd.isna(high) else f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    return number(mean, digits, sign=True) + interval


def estimates(rows: pd.DataFrame, digits: int = 2) -> list[str]:
    """The `estimate` of each row, from its columns improvement, low and high."""
    columns = zip(rows["improvement"], rows["low"], rows["high"], strict=True)
    return [estimate(mean, low, high, digits) for mean, low, high in columns]


def count_range(counts: pd.Series) -> str:
    """The smallest and the largest count: "3 to 5", or "5" if all are equal."""
    fewest, most = counts.min(), counts.max()
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def with_recipe(model: str, recipe: str) -> str:
    """A model, with its recipe if it has one: "bilstm (epochs=10)"."""
    return f"{model} ({recipe})" if recipe else model


def file_name(*parts: object) -> str:
    """The parts that are not empty, joined by _; every other character but letters and digits becomes _ as well."""
    return re.sub(r"[^A-Za-z0-9]+", "_", "_".join(str(part) for part in parts if part)).strip("_")
