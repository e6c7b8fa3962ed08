"""Hydra's launcher for Ray: hydra/launcher=ray."""

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
from conf.mistakes import not_installed
from training.run.termination import kept
from training.studies.launchers import CODE_FOLDERS, PROJECT

SHIPPED = ("train.py", *CODE_FOLDERS)
"""The parts of the project that workers get."""

TOKEN_FILE = Path.home() / ".ray" / "auth_token"
"""The password of clusters started on this machine; Ray writes it with the first one."""

CLUSTER_FILE = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
"""The address of the cluster that this machine belongs to: `ray start` writes it, `ray stop` removes it."""

CONNECT_TIMEOUT = 5.0
"""Seconds within which a cluster answers."""


class JobContext(NamedTuple):
    """The objects that all jobs of a study share."""

    context: HydraContext
    task: TaskFunction
    singletons: Mapping[Any, Any]


class JobsLostError(Exception):
    """Jobs did not end, because their worker or machine did."""


class RayLauncher(Launcher):
    """Hands each job to a worker of a Ray cluster, together with this project's code.

    The settings are named as in hydra-ray-launcher. We do not use that package: it needs cloudpickle 2, where joblib
    1.6 needs 3; it cannot join a running cluster; and it gives up all jobs when one worker dies.

    Args:
        ray: arguments of ray.init (`init`) and of ray.remote (`remote`), see conf/hydra/launcher/ray.yaml.
    """

    def __init__(self, ray: DictConfig):
        self.settings = ray

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take over what Hydra composed.

        Raises:
            UserError: a setting is of the wrong type, Ray is not installed, or no cluster answers at the address given.
        """
        self.init, self.remote = _arguments(self.settings)
        self.context, self.task, self.config = hydra_context, task_function, config
        if importlib.util.find_spec("ray") is None:
            raise UserError(not_installed("ray"))
        _check_address(self.init["address"] or os.environ.get("RAY_ADDRESS") or _last_cluster())

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs and return their results, in their order.

        Raises:
            UserError: there is no cluster, or none of its machines can do the work.
            JobsLostError: workers were killed, or machines left. All other jobs have ended.
        """
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        ray = _connected(self.init)
        shared = ray.put(JobContext(self.context, self.task, Singleton.get_state()))
        numbered = enumerate(job_overrides, initial_job_idx)
        jobs = [self._start(ray, shared, overrides, number) for number, overrides in numbered]
        results = [_result(ray, job) for job in jobs]
        returned = [result for result in results if isinstance(result, JobReturn)]
        if len(returned) < len(jobs):
            (*_, last) = (result for result in results if isinstance(result, JobsLostError))
            raise JobsLostError(f"{len(jobs) - len(returned)} of {len(jobs)} jobs were lost, the last because {last}")
        return returned

    def _start(self, ray: ModuleType, shared: Any, overrides: Sequence[str], number: int) -> Any:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = f"ray_{number}", number
        # No retries by Ray: the sweeper launches a lost job again, and knows what is finished by then.
        needs = {"max_retries": 0, **self.remote, "num_cpus": self.remote["num_cpus"] or config.threads or 1}
        _check_size(ray, needs)
        return ray.remote(**needs)(do_job).remote(shared, config)


def do_job(shared: JobContext, config: DictConfig) -> JobReturn:
    """Do one job, in a Ray worker."""
    setup_globals()
    Singleton.set_state(shared.singletons)
    HydraConfig.instance().set_config(config)
    result = run_job(
        task_function=shared.task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=shared.context,
    )
    result.cfg = result.hydra_cfg = None  # they are large, and nobody needs them
    return result


def _arguments(settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of ray.init and of ray.remote.

    Raises:
        UserError: one is of the wrong type; Hydra does not look.
    """
    below = "hydra.launcher.ray"
    given: Any = OmegaConf.to_container(settings, resolve=True) if isinstance(settings, DictConfig) else {}
    for part in ("init", "remote"):
        if not isinstance(given.get(part), dict):
            raise UserError(f"{below}.{part}={given.get(part)}: set the keys below it, --cfg hydra lists them.")
    init, remote = given["init"], given["remote"]
    if not isinstance(init["address"], str | None):
        raise UserError(f"{below}.init.address={init['address']}: give HOST:PORT, auto, local or null.")
    for key in ("num_cpus", "num_gpus"):
        number = remote[key]
        if number is not None and (not isinstance(number, int | float) or isinstance(number, bool) or number < 0):
            raise UserError(f"{below}.remote.{key}={number}: give a number, 0 or more, or null.")
    return init, remote


def _connected(arguments: Mapping[str, Any]) -> ModuleType:
    """The module ray, connected to a cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # do not report to Ray's makers
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the first error is enough
    if TOKEN_FILE.exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # as `ray start --head` does
    import ray  # reads these variables

    if not ray.is_initialized():
        others = [f"/{path.name}" for path in PROJECT.iterdir() if path.name not in SHIPPED]
        code = {"working_dir": str(PROJECT), "excludes": others}
        try:
            with kept():
                ray.init(**{**arguments, "runtime_env": {**code, **arguments.get("runtime_env", {})}})
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"Ray cannot be used: {error}") from error
    return ray


def _last_cluster() -> str:
    """The address of the cluster that this machine belongs to, or was cut off from; empty if there is none."""
    try:
        return CLUSTER_FILE.read_text().strip()
    except OSError:
        return ""


def _check_address(address: str) -> None:
    """Refuse an address at which nobody answers, where Ray would wait for minutes."""
    named = re.fullmatch(r"(.+):(\d+)", address)
    if named is None:
        return  # none, or a word such as auto
    try:
        socket.create_connection((named[1], int(named[2])), CONNECT_TIMEOUT).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); "
            "give RAY_ADDRESS as ray start --head printed it, or end what is left of a cluster with ray stop."
        ) from error


def _check_size(ray: ModuleType, needs: Mapping[str, Any]) -> None:
    """Refuse needs that no machine meets, where Ray would wait forever for a larger one."""
    for name, resource in (("num_cpus", "CPU"), ("num_gpus", "GPU")):
        most = max(node["Resources"].get(resource, 0) for node in ray.nodes() if node["Alive"])
        if needs.get(name, 0) > most:
            raise UserError(
                f"a run needs {needs[name]:g} {resource}s, but no machine of the cluster has more than {most:g}."
            )


def _result(ray: ModuleType, job: Any) -> JobReturn | JobsLostError:
    """The result of a job once it has ended, or why it was lost."""
    try:
        result: JobReturn = ray.get(job)
    except (ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError):
        return JobsLostError("its machine left the cluster")
    except ray.exceptions.OutOfMemoryError:
        return JobsLostError("its machine had no memory left")
    except ray.exceptions.WorkerCrashedError:
        return JobsLostError("its worker was killed")
    except ray.exceptions.RayError as error:
        machine = re.search(r"ip=([^,)\s]+)", str(error))
        where = machine[1] if machine else "a machine of the cluster"
        raise UserError(
            f"{where} cannot train runs ({str(error).splitlines()[-1]}); is lstm-cs installed there?"
        ) from error
    return result
