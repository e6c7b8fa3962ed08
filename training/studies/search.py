"""The search for one cell's settings: its trials, one after the other, and the best of them."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig

from cells.errors import UserError
from conf.kinds import BY_SEED
from conf.tuned import TUNED, tuned_by
from training.run.folder import data_files, provenance
from training.run.folder.record import Record, validation_score
from training.run.folder.run_folder import FAILED, RunFolder
from training.studies.grid import REPLICATE_KEYS, RunOverrides
from training.studies.launchers import quoted
from training.studies.search_space import AT_RANDOM, Settings, fixed_settings, suggest
from training.studies.trial_table import SCORE, TUNING, Trial, TrialTable
from training.studies.tune_key import Tune, tuning_folds

log = logging.getLogger("lstm-cs")

Compose = Callable[[tuple[str, ...]], DictConfig]
"""Makes a configuration from overrides, and gives the same object for the same ones: composing is slow."""

TRIALS = ".trials"
"""The folder below runs_dir with the runs of trials; tables and reports pass over names that begin with a dot."""


class Search:
    """The search for the settings of the runs that share all but seed and fold.

    A trial is a set of runs like any other, in `TRIALS`; when all of its runs are over it becomes a row of the search's
    `TrialTable`. A search that is begun again takes the rows from there; with more trials it goes on where it stopped.

    Attributes:
        name: for people: "hate bilstm C1".
        tune: what was asked for.
        trials: those that are over.

    Args:
        shared: the overrides of the runs but for seed and fold.
        reported: the folds whose test scores will be reported; None: all three parts are given.
        tune: what was asked for.
        compose: makes configurations.

    Raises:
        UserError: there is nothing to search, no fold is left for it, each seed has its own folds, or trials of an
            unfinished search were trained on other data than there is now.
    """

    def __init__(
        self,
        shared: RunOverrides,
        reported: Sequence[int] | None,
        tune: Tune,
        compose: Compose,
    ):
        config = compose(tuple(shared.values()))
        if config.split == BY_SEED:
            raise UserError(f"split={BY_SEED}: tune= chooses settings on folds that all seeds share; leave split= out.")
        self.tune, self._shared, self._compose = tune, shared, compose
        self._fixed = fixed_settings(config)
        self._folds = tuning_folds(reported, config.n_folds, tune.folds)
        self._runs_dir = Path(config.runs_dir)
        record = Record.of(config)
        self.name = f"{record.learnt_from} {record.model} {record.cell}"
        self._where = self._described()
        search = (record.learnt_from, record.model, record.cell, record.settings, self._where)
        common = {key: value for key, value in record.values.items() if key not in REPLICATE_KEYS}
        name = "_".join([*record.folder.parts[:3], _digest([common, self._where])])
        content = data_files.content(config)
        self._data = _digest({use: file["hash"] for use, file in content.items()})
        self._table = TrialTable(self._runs_dir / TUNING / f"{name}.csv", search, self._fixed)
        self.trials = self._table.read()[: tune.trials]
        if any(trial.data not in ("", self._data) for trial in self.trials):
            self._answer_to_other_data([file["file"] for file in content.values()])

    @property
    def following(self) -> range:
        """The numbers of the trials that can be made now: the random ones at once, the others one by one."""
        over = len(self.trials)
        return range(over, min(self.tune.trials, max(over, AT_RANDOM) + 1))

    def runs(self, number: int) -> list[RunOverrides]:
        """The runs of one of the `following` trials."""
        settings = self._suggest(number)
        given = {**_overrides(settings), "runs_dir": f"runs_dir={quoted(str(self._runs_dir / TRIALS))}"}
        return [
            {**self._shared, **given, "seed": f"seed={seed}", "fold": f"fold={fold}"}
            for seed in range(self.tune.seeds)
            for fold in self._folds
        ]

    def _suggest(self, number: int) -> Settings:
        return suggest(self._fixed, number, [(trial.settings, trial.score) for trial in self.trials])

    def tell(self, numbers: Sequence[int]) -> None:
        """Look at the results of trials, and write the table.

        Raises:
            UserError: a run has neither a result nor an error, or the table cannot be written.
        """
        for number in numbers:
            settings = self._suggest(number)
            scores = [self._score(run) for run in self.runs(number)]
            found = [score for score in scores if score is not None]
            mean = sum(found) / len(found) if len(found) == len(scores) else 0.0
            self.trials.append(Trial(settings, mean, self._data))
        self._table.write(self.trials)

    @property
    def best(self) -> int:
        """The number of the best trial; of equally good ones the first."""
        return max(range(len(self.trials)), key=lambda number: self.trials[number].score)

    @property
    def tuned(self) -> RunOverrides:
        """The overrides that give a run the best settings, and say so."""
        how = quoted(tuned_by(self.tune.trials, self._where))
        return {**_overrides(self.trials[self.best].settings), TUNED: f"{TUNED}={how}"}

    def __str__(self) -> str:
        best, given = self.trials[self.best], self.trials[0]
        found = " ".join(_overrides(best.settings).values())
        return (
            f"{self.name}: of {len(self.trials)} trials the best is number {self.best}, {found}, with a validation "
            f"{SCORE} of {best.score:.3f}; number 0, the given settings, has {given.score:.3f}."
        )

    def _answer_to_other_data(self, files: Sequence[str]) -> None:
        """Say of a finished search that its trials were trained on other data, and refuse to go on with others."""
        where = (
            f"{self._table.path} has trials that were trained on another {' or another '.join(files)} than there is now"
        )
        anew = f"remove that table and {self._runs_dir / TRIALS} to search anew"
        if len(self.trials) < self.tune.trials:
            raise UserError(f"{where}; put the old file back, or {anew}.")
        log.warning("WARNING: %s; %s.", where, anew)

    def _described(self) -> str:
        """Where trials are validated, and four digits that differ where the given settings differ."""
        seeds = f"{self.tune.seeds} seeds of " if self.tune.seeds > 1 else ""
        folds = f"fold{'s' if len(self._folds) > 1 else ''} {' '.join(map(str, self._folds))}"
        return f"{seeds}{folds} ({_digest(dict(self._fixed))[:4]})"

    def _score(self, run: RunOverrides) -> float | None:
        """The validation score of a run; None if it failed."""
        config = self._compose(tuple(override for key, override in run.items() if key not in REPLICATE_KEYS)).copy()
        for key in REPLICATE_KEYS:
            config[key] = int(run[key].partition("=")[2])
        folder = RunFolder.of(config)
        if folder.is_finished():
            if files := provenance.changed_data(folder.path, config):
                raise UserError(
                    f"{folder.path} was trained on another {files[0]} than there is now; put the old file back, or "
                    "remove that folder to train anew."
                )
            return validation_score(folder.path, SCORE)
        if (folder.path / FAILED).exists():
            return None
        raise UserError(f"{folder.path} has no result yet: give the same command again when it is over.")


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def _overrides(settings: Settings) -> RunOverrides:
    return {key: f"{key}={value}" for key, value in settings.items()}
