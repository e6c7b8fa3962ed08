"""The table of a search's trials: a CSV file that people and `analysis` read, and from which a search goes on."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cells.errors import UserError
from training.run.folder.durable import write_atomically
from training.studies.search_space import Settings

TUNING = "tuning"
"""The folder below runs_dir with the tables of trials."""

SCORE = "macro_f1"
"""The column of metrics.csv by whose mean over a trial's validation parts the best one is chosen."""

OF_SEARCH = ("data", "model", "cell", "settings", "search")
"""Columns that say to which search a trial belongs: `settings` is `Record.settings` of the runs that are not tuned, and
`search` says where the trials are validated."""

TRIAL = "trial"

DATA_HASH = "data_hash"
"""The column of `Trial.data`, which tables of older versions lack."""


class Trial(NamedTuple):
    """A trial that is over.

    Attributes:
        settings: that were tried.
        score: the mean of its runs, 0 if one of them failed.
        data: digest of the content of the files that it was trained on; empty in tables of older versions.
    """

    settings: Settings
    score: float
    data: str = ""


class TrialTable:
    """The file: columns OF_SEARCH, TRIAL, one for each setting, SCORE and DATA_HASH.

    Args:
        path: of the file, which need not exist.
        search: the values of OF_SEARCH.
        fixed: the settings, whose types are those of the columns.
    """

    def __init__(self, path: Path, search: Sequence[str], fixed: Settings):
        self.path, self._search, self._fixed = path, search, fixed

    def read(self) -> list[Trial]:
        """The trials in the file; none if there is no file.

        Raises:
            UserError: it is damaged.
        """
        try:
            with open(self.path, newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                if list(rows.fieldnames or ()) not in (self._columns, self._columns[:-1]):
                    raise ValueError
                return [self._trial(row) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{self.path} cannot be read ({type(error).__name__}): remove it.") from error

    def write(self, trials: Sequence[Trial]) -> None:
        """Replace the file; it appears whole.

        Raises:
            UserError: it cannot be written.
        """
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(self._columns)
        for number, trial in enumerate(trials):
            rows.writerow([*self._search, number, *trial.settings.values(), trial.score, trial.data])
        try:
            write_atomically(self.path, text.getvalue())
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error.strerror}); choose runs_dir=...") from error

    @property
    def _columns(self) -> list[str]:
        return [*OF_SEARCH, TRIAL, *self._fixed, SCORE, DATA_HASH]

    def _trial(self, row: Mapping[str, str]) -> Trial:
        settings = {key: type(value)(row[key]) for key, value in self._fixed.items()}
        return Trial(settings, float(row[SCORE]), row.get(DATA_HASH, ""))
