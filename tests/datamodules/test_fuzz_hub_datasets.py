"""A folder that the package datasets saved and a disk then spoilt: bits flipped or an end cut, in any of its files."""

import random
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from fuzzing import read_or_refused, seeds, with_other_bits
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from soak import examples

from conf.compose import CONF
from datamodules.errors import DataError
from datamodules.texts.own_columns import own_columns
from datamodules.texts.sources import load_corpus

datasets = pytest.importorskip("datasets", reason="it comes with the extra hf")

REVIEW = "the größe of ferry {} was {}"
GRADE, TAGS = ["good", "bad", "none"], ["late", "cold"]


def reviews() -> Any:
    """The columns review, grade (a class), tags (a list of classes) and writer of 60 rows."""
    rows = range(60)
    features = datasets.Features(
        review=datasets.Value("string"),
        grade=datasets.ClassLabel(names=GRADE),
        tags=datasets.List(datasets.ClassLabel(names=TAGS)),
        writer=datasets.Value("int64"),
    )
    columns = {
        "review": [REVIEW.format(row % 7, row % 5) for row in rows],
        "grade": [row % 3 for row in rows],
        "tags": [[0, 1][: row % 3] for row in rows],
        "writer": [row // 2 for row in rows],
    }
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Folders with one split, and with two of which the second was shuffled."""
    folder, table = tmp_path_factory.mktemp("saved"), reviews()
    table.save_to_disk(str(folder / "one"))
    two = {"train": table.select(range(40)), "test": table.select(range(40, 60)).shuffle(seed=0)}
    datasets.DatasetDict(two).save_to_disk(str(folder / "two"))
    return {False: folder / "one", True: folder / "two"}


def described(path: Path, label: str) -> DictConfig:
    """The configuration of data=hf for this folder."""
    given = {"path": str(path), "text": "review", "label": label, "group": "writer"}
    merged = OmegaConf.merge(OmegaConf.load(CONF / "data" / "hf.yaml"), given)
    assert isinstance(merged, DictConfig)
    return merged


@examples(60)
@given(seed=seeds, two=st.booleans(), label=st.sampled_from(["grade", "tags"]), in_rows=st.booleans())
def test_a_saved_data_set(
    seed: int, two: bool, label: str, in_rows: bool, saved: dict[bool, Path], tmp_path: Path
) -> None:
    path = tmp_path / "saved"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(saved[two], path)
    files = sorted(file for file in path.rglob("*") if file.is_file() and (file.suffix == ".arrow" or not in_rows))
    file = random.Random(seed).choice(files)
    content = with_other_bits(file.read_bytes(), seed)
    file.unlink()
    file.write_bytes(content)

    def read() -> None:
        corpus = load_corpus(described(path, label), tmp_path)
        assert len(corpus.texts) == len(corpus.labels) > 0
        assert all(0 <= number < len(corpus.classes) for found in corpus.labels for number in found)
        "".join([*corpus.texts, *corpus.classes]).encode()  # no lone surrogates

    read_or_refused(read, path)
    read_or_refused(lambda: own_columns(described(path, label), tmp_path), path)


LENGTH = len(REVIEW.format(0, 0).encode())

OFFSETS = struct.pack("<2i", 0, LENGTH)
"""Where the first text begins and ends, in the file."""

DAMAGES = {
    "a text that is not UTF-8": (b"ferry 3", b"ferry \xff", "ArrowInvalid"),
    "a text that ends far behind the file": (OFFSETS, struct.pack("<2i", 0, 2**30), "ArrowInvalid"),
    "a text that ends before it begins": (OFFSETS, struct.pack("<2i", 0, -LENGTH), "ArrowInvalid"),
    "a class that there is not": (struct.pack("<3q", 0, 1, 2), struct.pack("<3q", 0, 1, 66), "ValueError"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_one_sentence(damage: str, saved: dict[bool, Path], tmp_path: Path) -> None:
    old, new, kind = DAMAGES[damage]
    path = shutil.copytree(saved[False], tmp_path / "saved")
    (file,) = path.glob("*.arrow")
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))
    for read in (load_corpus, own_columns):
        with pytest.raises(DataError) as error:
            read(described(path, "grade"), tmp_path)
        begin = f"{path} (train): the library datasets cannot read its rows ({kind}: "
        assert str(error.value).startswith(begin)
        assert str(error.value).endswith("); save or get it anew, or name other columns.")


def test_a_data_set_without_splits_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": []}')
    for read in (load_corpus, own_columns):
        with pytest.raises(DataError, match=r"^data\.path=\S+ has no splits; save or get it anew\.$"):
            read(described(tmp_path, "grade"), tmp_path)


def test_rows_saved_as_arrays_are_read_as_others(saved: dict[bool, Path], tmp_path: Path) -> None:
    reviews().with_format("numpy").save_to_disk(str(tmp_path / "arrays"))
    one, arrays = (load_corpus(described(path, "tags"), tmp_path) for path in (saved[False], tmp_path / "arrays"))
    assert (one.texts, one.labels, one.classes) == (arrays.texts, arrays.labels, arrays.classes)
