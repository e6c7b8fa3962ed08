"""The loggers of a run: TensorBoard's, and beside it the one that `logger=` names, by Lightning's own classes.

A run has the same names everywhere. Of runs/robo/bilstm/C1/seed0_fold0_1a2b3c4d, the group is robo/bilstm and the name
C1/seed0_fold0_1a2b3c4d.
"""

import csv
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
from filelock import FileLock
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, WandbLogger
from omegaconf import DictConfig

from cells.errors import UserError
from conf.compose import in_multirun
from training.run import tensorboard
from training.run.folder.checkpoints import Resumption
from training.run.folder.errors import is_disk_full
from training.run.folder.run_folder import RunFolder

CURVES = "curves"
"""The folder of `logger=csv` inside a run's; its file is called metrics.csv, as the run's table of results is."""

PROJECT = "lstm-cs"
"""The project in W&B, if WANDB_PROJECT names no other."""


def loggers(config: DictConfig, folder: RunFolder, begun: Resumption | None = None) -> list[Logger]:
    """The loggers of a run; TensorBoard's is the first.

    Args:
        config: of the run; `logger` is a key of OTHERS, or "tensorboard".
        folder: of the run.
        begun: where an interrupted run goes on.

    Raises:
        UserError: the tracking server, its address or the account is not as the logger needs it.
    """
    first = tensorboard.logger(folder, begun)
    if config.logger not in OTHERS:
        return [first]
    try:
        other = OTHERS[config.logger](config, folder, begun)
    except Exception as error:  # each of the packages has a hierarchy of its own
        if is_disk_full(error):
            raise
        raise UserError(f"logger={config.logger} cannot begin: {type(error).__name__}: {error}") from error
    return [first, other]


@contextmanager
def closing(trainer: pl.Trainer) -> Iterator[None]:
    """End a run's logs when the block ends, as failed if it raises; Lightning ends them before the results are there.

    W&B's has to be closed, too, or the next run of this process would go on in it.
    """
    failed = True
    try:
        yield
        failed = False
    finally:
        for logger in trainer.loggers[1:]:
            logger.finalize("failed" if failed else "success")
            if isinstance(logger, WandbLogger):
                logger.experiment.finish(exit_code=int(failed))


def log_results(trainer: pl.Trainer, scores: Mapping[str, float]) -> None:
    """Log the scores of a finished run where they are not logged by TensorBoard's table, see `training.run.results`."""
    for logger in trainer.loggers[1:]:
        logger.log_metrics(dict(scores), max(0, trainer.global_step - 1))


def _names(folder: RunFolder) -> tuple[str, str]:
    """A run's group and its name in it, which are the two halves of its folder's path below runs_dir."""
    learnt_from, model, *name = folder.record.folder.parts
    return f"{learnt_from}/{model}", "/".join(name)


def _csv(config: DictConfig, folder: RunFolder, begun: Resumption | None) -> Logger:
    """Rows in `curves/metrics.csv`. Lightning empties that file, so an interrupted run logs its first rows again."""
    kept = [] if begun is None else list(_rows(folder.path / CURVES / "metrics.csv", begun.step))
    shutil.rmtree(folder.path / CURVES, ignore_errors=True)
    logger = CSVLogger(folder.path, name="", version=CURVES, flush_logs_every_n_steps=1)
    for step, scores in kept:
        logger.log_metrics(dict(scores), step)
    return logger


def _rows(path: Path, last: int) -> Iterator[tuple[int, dict[str, float]]]:
    """The step and the scores of each row up to the step `last`."""
    if not path.exists():
        return
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step = int(row.pop("step"))
            if step <= last:
                yield step, {name: float(value) for name, value in row.items() if value}


def _mlflow(config: DictConfig, folder: RunFolder, begun: Resumption | None) -> Logger:
    """A run of the experiment of its group, in MLFLOW_TRACKING_URI or in the files of mlruns/."""
    from mlflow.exceptions import MlflowException

    # Newer versions of MLflow want a database instead, which needs more packages and knows one machine.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    group, name = _names(folder)
    tags = {key: str(value) for key, value in folder.record.fit_columns.items() if value is not None}

    def begin(run: str | None) -> MLFlowLogger:
        address, files = os.environ.get("MLFLOW_TRACKING_URI"), str(Path("mlruns").absolute())
        logger = MLFlowLogger(group, name, address, tags, files, run_id=run)
        with FileLock(Path(config.cache_dir) / "mlflow.lock"):  # two processes would make two experiments of one name
            assert logger.run_id is not None
        return logger

    known = _id(folder, "mlflow")
    try:
        logger = begin(known.read_text(encoding="utf-8") if known.exists() else None)
    except MlflowException:
        if not known.exists():
            raise
        logger = begin(None)  # mlruns/ or the run in it has been removed
    folder.write(known.name, str(logger.run_id))
    logger.log_hyperparams(dict(folder.record.values))
    return logger


def _wandb(config: DictConfig, folder: RunFolder, begun: Resumption | None) -> Logger:
    """A run of the project `lstm-cs` or WANDB_PROJECT, in its group; with WANDB_MODE=offline in wandb/ alone."""
    import wandb

    group, name = _names(folder)
    known = _id(folder, "wandb")
    logger = WandbLogger(
        name=name,
        save_dir=None,  # type: ignore[arg-type]  # W&B's own: WANDB_DIR, or wandb/
        id=known.read_text(encoding="utf-8") if known.exists() else None,
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=group,
        job_type=folder.record.cell,
        settings=wandb.Settings(console="off", silent=in_multirun()),  # a study prints a line for each run
    )
    logger.log_hyperparams(dict(folder.record.values))
    folder.write(known.name, str(logger.version))
    return logger


def _id(folder: RunFolder, tool: str) -> Path:
    """The file with the name by which another program knows the run, so that an interrupted one goes on there."""
    return folder.path / f"{tool}.id"


Maker = Callable[[DictConfig, RunFolder, Resumption | None], Logger]

OTHERS: Mapping[str, Maker] = {"csv": _csv, "mlflow": _mlflow, "wandb": _wandb}
"""The loggers beside TensorBoard's, by the values of `logger=`."""
