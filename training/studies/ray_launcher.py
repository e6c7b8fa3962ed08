"""Hydra's answer to hydra/launcher=ray."""

import importlib.util
import os
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from cells.errors import UserError
from conf.command_line import not_installed
from training.studies.launchers import CODE, PROJECT

BROUGHT = ("train.py", *CODE)
"""What workers get of the project."""

TOKEN = Path.home() / ".ray" / "auth_token"
"""Where Ray keeps the password of the clusters that this machine starts, once there is one."""

LAST = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
"""Where ray start leaves the cluster's address, and ray stop removes it."""

PATIENCE = 5.0
"""Seconds in which a cluster answers."""


class Work(NamedTuple):
    """What all jobs have in common."""

    context: HydraContext
    task: TaskFunction
    singletons: Mapping[Any, Any]


class LostError(Exception):
    """Jobs did not come to an end."""


class RayLauncher(Launcher):
    """Hands each job to a worker of a Ray cluster, together with this project's code.

    Its settings have the names of those of hydra-ray-launcher. That one needs cloudpickle 2 where joblib 1.6 needs 3,
    cannot join a cluster that runs already, and gives up all jobs when one worker dies.

    Args:
        ray: arguments of ray.init (`init`) and of ray.remote (`remote`), see conf/hydra/launcher/ray.yaml.
    """

    def __init__(self, ray: DictConfig):
        self.init: Any = OmegaConf.to_container(ray.init, resolve=True)
        self.remote: Any = OmegaConf.to_container(ray.remote, resolve=True)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed.

        Raises:
            UserError: Ray is not installed, or there is no cluster where one is said to be.
        """
        self.context, self.task, self.config = hydra_context, task_function, config
        if importlib.util.find_spec("ray") is None:
            raise UserError(not_installed("ray"))
        _refuse_silence(self.init["address"] or os.environ.get("RAY_ADDRESS") or _last_cluster())

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs.

        Raises:
            UserError: there is no cluster, or no machine of it can do the work.
            LostError: workers were killed, or machines left. All other jobs have come to their end.
        """
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        ray = _connected(self.init)
        work = ray.put(Work(self.context, self.task, Singleton.get_state()))
        numbered = enumerate(job_overrides, initial_job_idx)
        jobs = [self._started(ray, work, overrides, number) for number, overrides in numbered]
        results = [_result(ray, job) for job in jobs]
        returned = [result for result in results if isinstance(result, JobReturn)]
        if len(returned) < len(jobs):
            (*_, last) = (result for result in results if isinstance(result, LostError))
            raise LostError(f"{len(jobs) - len(returned)} of {len(jobs)} jobs were lost, the last one because {last}")
        return returned

    def _started(self, ray: ModuleType, work: Any, overrides: Sequence[str], number: int) -> Any:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = f"ray_{number}", number
        # a job that is lost is made again by the next round of the sweeper, which knows what is finished
        needs = {"max_retries": 0, **self.remote, "num_cpus": self.remote["num_cpus"] or config.threads or 1}
        _refuse_too_large(ray, needs)
        return ray.remote(**needs)(job).remote(work, config)


def job(work: Work, config: DictConfig) -> JobReturn:
    """What a worker does."""
    setup_globals()
    Singleton.set_state(work.singletons)
    HydraConfig.instance().set_config(config)
    result = run_job(
        task_function=work.task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=work.context,
    )
    result.cfg = result.hydra_cfg = None  # large, and nobody asks for them
    return result


def _connected(arguments: Mapping[str, Any]) -> ModuleType:
    """Ray, as part of a cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers that it is used
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the first error is enough
    if TOKEN.exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # as ray start --head does
    import ray  # reads these variables

    if not ray.is_initialized():
        others = [f"/{path.name}" for path in PROJECT.iterdir() if path.name not in BROUGHT]
        code = {"working_dir": str(PROJECT), "excludes": others}
        try:
            ray.init(**{**arguments, "runtime_env": {**code, **arguments.get("runtime_env", {})}})
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"Ray cannot be used: {error}") from error
    return ray


def _last_cluster() -> str:
    """Address of the cluster that this machine belongs to, or did when it was cut off; empty: none."""
    try:
        return LAST.read_text().strip()
    except OSError:
        return ""


def _refuse_silence(address: str) -> None:
    """Ray would wait for minutes for somebody to answer there."""
    named = re.fullmatch(r"(.+):(\d+)", address)
    if named is None:
        return  # auto, say, or none
    try:
        socket.create_connection((named[1], int(named[2])), PATIENCE).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); "
            "give RAY_ADDRESS as ray start --head printed it, or end what is left of a cluster with ray stop."
        ) from error


def _refuse_too_large(ray: ModuleType, needs: Mapping[str, Any]) -> None:
    """Ray would wait for ever for a machine that is large enough."""
    for name, resource in (("num_cpus", "CPU"), ("num_gpus", "GPU")):
        most = max(node["Resources"].get(resource, 0) for node in ray.nodes() if node["Alive"])
        if needs.get(name, 0) > most:
            raise UserError(
                f"a run is to have {needs[name]:g} {resource}s, no machine of the cluster has more than {most:g}."
            )


def _result(ray: ModuleType, job: Any) -> JobReturn | LostError:
    """Of a job, whatever becomes of its worker."""
    try:
        result: JobReturn = ray.get(job)
    except (ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError):
        return LostError("its machine left the cluster")
    except ray.exceptions.OutOfMemoryError:
        return LostError("its machine had no memory left")
    except ray.exceptions.WorkerCrashedError:
        return LostError("its worker was killed")
    except ray.exceptions.RayError as error:
        machine = re.search(r"ip=([^,)\s]+)", str(error))
        where = machine[1] if machine else "a machine of the cluster"
        raise UserError(
            f"{where} cannot make runs ({str(error).splitlines()[-1]}); is lstm-cs installed there?"
        ) from error
    return result
