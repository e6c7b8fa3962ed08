"""A user's own files that nobody would write: texts in every format, packed or not, and series of numbers."""

import functools
import gzip
import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fuzzing import read_or_refused, seeds, spoilt, with_other_bits
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from own_files import sales
from soak import examples

from conf.compose import CONF
from datamodules.csv_files import LARGEST
from datamodules.series.series_file import Columns, read_series
from datamodules.texts.own_columns import own_columns
from datamodules.texts.sources import load_corpus

FORMATS = ("csv", "tsv", "txt", "json", "jsonl", "parquet")
PACKINGS = ("", ".gz", ".zip")


@functools.cache
def reviews(suffix: str) -> bytes:
    """A file with the columns review, grade, writer and part."""
    random_state = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "review": [f'the "ferry", {word} late\tand on time' for word in random_state.permutation(30)],
            "grade": ["good", "bad", "none"] * 10,
            "writer": [f"w{number}" for number in range(15)] * 2,
            "part": ["train"] * 20 + ["val"] * 5 + ["test"] * 5,
        }
    )
    if suffix == "parquet":
        buffer = io.BytesIO()
        table.to_parquet(buffer)
        return buffer.getvalue()
    if suffix in ("json", "jsonl"):
        objects = table.to_dict("records")
        return ("\n".join(map(json.dumps, objects)) if suffix == "jsonl" else json.dumps(objects)).encode()
    return table.to_csv(index=False, sep="," if suffix == "csv" else "\t").encode()


def packed(content: bytes, packing: str, name: str) -> bytes:
    """The content of a packed file."""
    if packing == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        return buffer.getvalue()
    return gzip.compress(content, mtime=0) if packing else content


def described(path: Path) -> DictConfig:
    """The configuration of data=csv for this file."""
    config = OmegaConf.load(CONF / "data" / "csv.yaml")
    config.name = "reviews"
    given = {"file": str(path), "text": "review", "label": "grade", "group": "writer", "part": "part"}
    merged = OmegaConf.merge(config, given)
    assert isinstance(merged, DictConfig)
    return merged


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("suffix", FORMATS)
@examples(15)
@given(seed=seeds, inside=st.booleans())
@example(seed=3321927, inside=True)  # an empty .tsv.gz, of which the columns were to be listed
@example(seed=1624, inside=False)  # a Parquet file with texts that are not UTF-8
def test_texts_of_the_user(suffix: str, packing: str, seed: int, inside: bool, tmp_path: Path) -> None:
    name = f"reviews.{suffix}"
    path, content = tmp_path / f"{name}{packing}", reviews(suffix)
    if inside and suffix != "parquet":
        path.write_bytes(packed(spoilt(content, seed), packing, name))
    else:
        path.write_bytes(with_other_bits(packed(content, packing, name), seed))

    def read() -> None:
        corpus = load_corpus(described(path), tmp_path)
        assert len(corpus.texts) == len(corpus.labels) > 0
        assert all(0 <= number < len(corpus.classes) for label in corpus.labels for number in label)
        "".join([*corpus.texts, *corpus.classes]).encode()  # no lone surrogates

    read_or_refused(read, path)
    read_or_refused(lambda: own_columns(described(path), tmp_path), path)


@examples(150)
@given(seed=seeds, separator=st.sampled_from(",;\t"))
def test_series_of_the_user(seed: int, separator: str, tmp_path: Path) -> None:
    chance = random.Random(seed)
    table = sales(60, frequency=chance.choice(["D", "h", "W", "MS"]))
    path = tmp_path / "sales.csv"
    path.write_bytes(spoilt(table.to_csv(index=False, sep=separator).encode(), seed))

    def read() -> None:
        for series in read_series(path, Columns("day", "units")).series:
            values = series.values.to_numpy()
            assert len(series.numbers) == len(values) == len(series.observed) > 0
            assert (np.diff(series.numbers) == 1).all()
            assert (np.abs(values) <= LARGEST).all()

    read_or_refused(read, path)
