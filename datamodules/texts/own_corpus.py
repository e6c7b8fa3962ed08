"""Texts of the user's own: `data=csv` reads files with a table, `hub_datasets.py` what the `datasets` library knows."""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import psutil
from omegaconf import DictConfig, OmegaConf

from datamodules.counts import count
from datamodules.errors import DataError, excerpt
from datamodules.files import here_or_below, known_as, looked_for
from datamodules.row_files import Column, FileRow, as_text, has_half_character, read_rows
from datamodules.texts.corpora import Corpus, Origin
from datamodules.texts.own_classes import LabelReader, about_numbers, counted
from datamodules.texts.own_groups import about_groups, group_numbers

TRAIN, VAL, TEST = "train", "val", "test"

PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}
"""Words that the column `data.part` may hold, in small letters, and the names of ready-made parts."""

MEMORY_SHARE = 0.25
"""The part of the free memory that texts may take: their words, as numbers, need about as much again."""


def from_files(data: DictConfig, data_dir: Path) -> Corpus:
    """The corpus of `data=csv`.

    Args:
        data: as conf/data/csv.yaml.
        data_dir: where files are that are not in the current folder.

    Raises:
        DataError: a file is missing or broken, lacks a column, or has no two classes, or does not fit into the memory.
    """
    columns = Columns(data)
    collected = Collected(columns)
    for key, part in (("file", TRAIN), ("val_file", VAL), ("test_file", TEST)):
        if data[key] is not None:
            path = here_or_below(data[key], data_dir)
            if not path.is_file():
                raise DataError(f"data.{key}={data[key]}: there is no such file, {looked_for(data[key], data_dir)}.")
            if key != "file" and path.samefile(here_or_below(data.file, data_dir)):
                raise DataError(f"data.{key}={data[key]} is the file of data.file=, which is learnt: name another.")
            own = part if data.test_file is not None or data.val_file is not None else None
            known = known_as(str(data[key]), data_dir)
            collected.add(str(data[key]), read_rows(path, columns.all, data.encoding), own, known)
    return collected.corpus()


class Columns:
    """The columns that `data=` names.

    Attributes:
        text, label: one or more.
        part, group: one or none.

    Args:
        data: as conf/data/csv.yaml or hf.yaml.
    """

    def __init__(self, data: DictConfig):
        self.text, self.label = _listed(data.text), _listed(data.label)
        self.part, self.group = _listed(data.get("part")), _listed(data.group)
        self.separator: str | None = data.separator

    @property
    def all(self) -> list[Column]:
        """The columns of a row, in the order in which `Collected.add` expects their values."""
        return [*self.text, *self.label, *self.part, *self.group]


class Collected:
    """Documents collected from rows, within bounded memory.

    Args:
        columns: of the rows.
    """

    def __init__(self, columns: Columns):
        self.columns = columns
        self.reader = LabelReader(columns.label, columns.separator)
        self.texts: list[str] = []
        self.labels: list[tuple[str, ...]] = []
        self.groups: list[str] = []
        self.parts: list[str] = []
        self.origins: list[Origin] = []
        self.notes: list[str] = []
        self._bytes, self._most_bytes = 0, int(MEMORY_SHARE * psutil.virtual_memory().available)

    def add(self, name: str, rows: Iterable[FileRow], part: str | None, known: str) -> None:
        """Add the documents of a file.

        Args:
            name: of the file, as the user gave it.
            rows: with the values of `columns.all`.
            part: of all of them, if that is known.
            known: the file's name in results, see `known_as`.

        Raises:
            DataError: a row is broken, or the texts do not fit into the memory.
        """
        texts, labels = len(self.columns.text), len(self.columns.label)
        left_out, halves = Counter[str](), 0
        before = len(self.texts)
        for row in rows:
            text = " ".join(filter(str.strip, map(as_text, row.values[:texts])))
            classes = self.reader.classes(row, row.values[texts : texts + labels])
            if not text or classes is None:
                left_out["without text" if not text else "without label"] += 1
                continue
            halves += any(map(has_half_character, row.values))
            self._keep(row, text, classes, [as_text(value).strip() for value in row.values[texts + labels :]], part)
            self.origins.append(Origin(known, row.line))
        lost = ", ".join(f"{count(number, 'row')} {why}" for why, number in left_out.items())
        found = count(len(self.texts) - before, "document")
        self.notes.append(f"{name}: {found}" + (f"; left out: {lost}." if lost else "."))
        if halves:
            self.notes.append(f'{name}: half a character, such as \\ud83d, became "?" in {count(halves, "document")}.')

    def _keep(self, row: FileRow, text: str, classes: tuple[str, ...], rest: list[str], part: str | None) -> None:
        if self.columns.part:
            part = PARTS.get(rest[0].lower())
            if part is None:
                raise row.error(f"{self.columns.part[0]} is {excerpt(rest[0])!r}, expected train, val or test")
        self.texts.append(text)
        self.labels.append(classes)
        if part is not None:
            self.parts.append(part)
        if self.columns.group:
            self.groups.append(rest[-1])
        self._bytes += sys.getsizeof(text)
        if self._bytes > self._most_bytes:
            raise row.error(
                f"the texts up to here take {self._bytes / 1e9:.1f} GB, {MEMORY_SHARE:.0%} of the free memory; name a "
                "file with fewer rows, or free some memory"
            )

    def corpus(self) -> Corpus:
        """The corpus of all documents.

        Raises:
            DataError: there is none, or they have no two classes.
        """
        if not self.texts:
            raise DataError(
                f"{' '.join(self.notes)} There is nothing to learn from: name other columns with data.text= and "
                "data.label=."
            )
        classes = self.reader.ordered(self.labels)
        number_of = {name: number for number, name in enumerate(classes)}
        numbers = {names: tuple(sorted({number_of[name] for name in names})) for names in set(self.labels)}
        notes = [
            *self.notes,
            f"Classes: {counted(self.labels, classes)}.",
            *about_numbers(classes),
            *self._about_parts(),
        ]
        groups = None
        if self.columns.group:
            notes += about_groups(self.columns.group[0], self.groups, self.parts)
            groups = group_numbers(self.groups)
        return Corpus(
            self.texts,
            [numbers[names] for names in self.labels],
            classes,
            self.reader.multilabel,
            groups,
            self.parts if set(self.parts) - {TRAIN} else None,
            tuple(notes),
            self.origins,
        )

    def _about_parts(self) -> list[str]:
        given = [f"{self.parts.count(part):,} to {verb}" for part, verb in ((VAL, "validate"), (TEST, "test"))
                 if part in self.parts]  # fmt: skip
        return [f"Given, and the same for every fold and seed: {' and '.join(given)}."] if given else []


def _listed(value: object) -> list[Column]:
    """The columns of a key that names one, several or none."""
    if value is None:
        return []
    return list(OmegaConf.to_container(value)) if OmegaConf.is_list(value) else [value]  # type: ignore[arg-type,list-item]
