"""Which keys a configuration has: those that the YAML files define for its choices of groups, and no others.

Hydra refuses `foo=2`, but accepts `~lr`, `preprocess=null`, `clip={foo: 2}`, `data=[robo,hate]` and any key in an
experiment's file: a run that nobody meant would be stored under a name that does not show it.
"""

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from cells.declared import DECLARED
from cells.errors import UserError

PRIMARY = "config"
"""The file that Hydra composes first."""

EXPERIMENT, CELL = "experiment", "cell"
"""The groups whose choice does not add or remove keys: an experiment sets some, and all cells have the same."""

ALSO_A_NUMBER = ("stack", "tune")
"""The keys that take a number too, although there are keys below them; they stand for many runs."""

OPEN = tuple(f"{CELL}.{kind}." for kind in DECLARED)
"""Prefixes of keys that the user names, as in cell.learned.p=0."""

NAMES = ("data.name", "model.name", "features.name", "sentiment.name", "messages.name")
"""Keys that name the chosen file: with another value, the same run would have another folder. Where a user's file gives
the name, another may be typed."""

TARGET = "_target_"
"""Hydra's key for the code that a file stands for: with another value, too, the same run would have another folder."""

NUMBERS = (
    "patience", "preprocess.tfidf_terms", "preprocess.max_words", "cell.zoneout", "cell.recurrent_dropout",
    "series.season",
)  # fmt: skip
"""Keys that take a number or null: the type of the default does not tell."""

FILES = (
    "data.file", "data.val_file", "data.test_file", "data.separator", "data.encoding", "data.path", "data.subset",
    "data.name", "data.instead", "data.corpus.member", "model.checkpoint", "sentiment.file", "sentiment.column",
    "messages.file", "messages.column", "series.file", "series.date", "series.target", "series.id",
)  # fmt: skip
"""Keys that take the name of a file, or of a column or encoder."""


NOT_HERE = {
    "hydra.run": "runs_dir= names the folder of all runs, and run_dir= that of a single one",
    "hydra.sweep": "runs_dir= names the folder of all runs",
    "hydra.output_subdir": "config.yaml in the folder of a run holds its configuration; leave it out",
    "hydra.searchpath": "--config-dir=FOLDER adds a folder of configurations",
    "hydra.job.chdir": "paths are those of the folder where the command is given; leave it out",
    **dict.fromkeys(
        (
            "hydra.env", "hydra.overrides", "hydra.runtime", "hydra.job.config", "hydra.job.config_name",
            "hydra.job.env_copy", "hydra.job.id", "hydra.job.num", "hydra.job.override_dirname",
        ),
        "nothing here reads what it sets; leave it out",
    ),
}  # fmt: skip
"""Keys that Hydra takes and that would do nothing here, or something else than it says; and what to do instead."""

SET_BY_HYDRA = (
    "hydra.overrides", "hydra.runtime", "hydra.job.config_name", "hydra.job.id", "hydra.job.num",
    "hydra.job.override_dirname",
)  # fmt: skip
"""Those of them that Hydra sets itself, whatever a file says."""

NAMED_BY_USER = (
    *SET_BY_HYDRA, "hydra.callbacks", "hydra.job.env_set", "hydra.job_logging", "hydra.hydra_logging", "hydra.help",
    "hydra.hydra_help", "hydra.sweeper.params", "hydra.sweeper.one_of",
)  # fmt: skip
"""Keys of Hydra's below which a user, or Hydra itself, may put any other."""


def plain(override: str) -> str:
    """An override as Hydra takes it: without + and ++, and with quotes around names such as GC=F in a list.

    + and ++ would add a key: here a key exists or is refused. Keys below hydra.* are left to Hydra.
    """
    if re.match(r"[\s+]*hydra[./]", override):
        return override
    key, equals, value = re.sub(r"^\s*\+{1,2}", "", override).partition("=")
    return key + equals + (_quoted_names(value) if re.fullmatch(r"\[[\w^.,=-]*\]", value) else value)


def _quoted_names(names: str) -> str:
    return re.sub(r"[^\[\],]*[=^][^\[\],]*", r"'\g<0>'", names)


def refuse_hydras_keys(overrides: Iterable[str]) -> None:
    """Refuse keys and values of Hydra's that it does not check, or that are for programs.

    Raises:
        UserError: names the override, and what to write instead.
    """
    for override in overrides:
        key, _, value = override.lstrip("+~ ").partition("=")
        sets = "=" in override or override.startswith("~")  # else it is what -p shows
        if sets and (instead := [NOT_HERE[known] for known in NOT_HERE if f"{key}.".startswith(f"{known}.")]):
            raise UserError(f"{override}: {instead[0]}.")
        if sets and key in ("hydra", "hydra.job"):
            raise UserError(f"{override}: set the keys below it, python train.py --cfg hydra lists them.")
        if f"{key}.".startswith("hydra.sweeper.") and not key.startswith("hydra.sweeper.params."):
            raise UserError(f"{override}: give what a study varies with -m KEY=A,B, or in a file of conf/experiment.")
        if key == "hydra/sweeper" and value != "study":
            raise UserError(f"{override}: this program has one sweeper, hydra/sweeper=study; leave it out.")
        if key in ("hydra.launcher", "hydra.launcher._target_") and sets:
            raise UserError(f"{override}: choose one with hydra/launcher=; its settings are the keys below this one.")
        if key == "hydra.verbose" and not re.fullmatch(r"(?!null$)[A-Za-z_][\w.-]*|\[.*\]", value):
            raise UserError(f"{override}: give true, false, or names of loggers, as [lstm-cs,hydra].")


def refuse_hydras_keys_of_files(hydra: Any) -> None:
    """Refuse what a file, such as an experiment's, sets below `hydra`, if that is refused on the command line.

    And refuse keys that Hydra does not have, which + adds on the command line, and a file without any sign.

    Args:
        hydra: that part of a configuration, as composed.

    Raises:
        UserError: names the key, and what to do instead.
    """
    launcher = f"hydra/launcher={hydra.runtime.choices['hydra/launcher']}"
    own = GlobalHydra.instance().config_loader().load_configuration(PRIMARY, [launcher], RunMode.RUN).hydra
    found, usual = (dict(_leaves(OmegaConf.to_container(part, resolve=False), "hydra.")) for part in (hydra, own))
    _refuse_unknown_to_hydra(found, usual)
    refused = [key for key in NOT_HERE if key not in SET_BY_HYDRA]
    for path in (path for path in {**usual, **found} if found.get(path) != usual.get(path)):
        instead = [NOT_HERE[key] for key in refused if f"{path}.".startswith(f"{key}.")]
        if instead:
            raise UserError(f"{path}={_shown(found.get(path))} in a file such as an experiment's: {instead[0]}.")


def _refuse_unknown_to_hydra(found: Iterable[str], usual: Iterable[str]) -> None:
    known = set(map(_without_launchers_own, usual))
    for key in map(_without_launchers_own, found):
        if key not in known and not any(f"{key}.".startswith(f"{each}.") for each in NAMED_BY_USER):
            raise UserError(f"there is no key {key!r}; python train.py --cfg hydra lists Hydra's keys.")


def _without_launchers_own(path: str) -> str:
    """A path without what stands below a launcher's key: Ray's own settings are not in its file."""
    return re.sub(r"^(hydra\.launcher\.[^.]+)\..*", r"\1", path)


def _leaves(tree: Any, above: str) -> Iterator[tuple[str, object]]:
    """The paths of a tree that have no keys below them, with their values."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def check_keys(config: DictConfig, choices: Mapping[str, str | None]) -> None:
    """Refuse a configuration that has other keys than the files define.

    Args:
        config: as composed, without its part `hydra`.
        choices: the choice of each group, as Hydra records them: {"data": "robo", "hydra/launcher": "basic"}.

    Raises:
        UserError: names the first such key and the nearest key that exists.
    """
    chosen = {group: name for group, name in choices.items() if not group.startswith("hydra/")}
    simple = tuple((group, name) for group, name in chosen.items() if name is not None and not {"@", "/"} & set(group))
    defined, groups = _defined(tuple(choice for choice in simple if choice[0] not in (EXPERIMENT, CELL)))
    for group in (*chosen, *groups):
        if group not in groups:
            raise UserError(no_such_key(group, groups))
        if group not in chosen:  # a list of names, or ~group
            raise UserError(f"{group}= takes one name, not several and not none; python train.py --help lists them.")
    found = OmegaConf.to_container(config, resolve=False)
    assert isinstance(found, dict)
    _compare(found, defined, "", list(paths(defined)))


def check_expanded(config: DictConfig) -> None:
    """Refuse a configuration in which `stack=` or `tune=` stands for runs that nobody has expanded it to.

    Raises:
        UserError: says where it works.
    """
    for key in ALSO_A_NUMBER:
        value = config[key]
        if not OmegaConf.is_dict(value) or any(value.values()):
            raise UserError(
                f"{key}={value} stands for many runs: give it on the command line or in an experiment's params, "
                "without hydra.mode=RUN."
            )


def nearest(name: str, names: Iterable[str]) -> str:
    """The one of `names` that is most like the mistyped `name`, in capitals or not."""
    by_letters = {each.lower(): each for each in names}
    return by_letters[difflib.get_close_matches(name.lower(), by_letters, n=1, cutoff=0)[0]]


def no_such_key(key: str, known: Iterable[str]) -> str:
    """The message that names an unknown key and the nearest known one, if possible of the same part."""
    known = list(known)
    beside = [each for each in known if each.rpartition(".")[0] == key.rpartition(".")[0]]
    return (
        f"there is no key {key!r}, did you mean {nearest(key, beside or known)!r}? python train.py --help lists them."
    )


def refuse_quotes(path: str, there: object) -> None:
    """Refuse a number that quotes make a text.

    Raises:
        UserError: there is "0.001" and not 0.001.
    """
    if isinstance(there, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", there):
        raise UserError(f"{path}='{there}': the quotes make it a text, write {path}={there}.")


def paths(tree: Mapping[Any, Any], above: str = "") -> Iterator[str]:
    """The keys of a tree with their parents, such as "stack" and "stack.seeds"."""
    for key, value in tree.items():
        yield f"{above}{key}"
        if isinstance(value, Mapping):
            yield from paths(value, f"{above}{key}.")


def _compare(found: Mapping[Any, Any], defined: Mapping[Any, Any], above: str, known: Sequence[str]) -> None:
    """Refuse the first key in which a part of a configuration differs from what the files define.

    Args:
        found, defined: the part below `above`, such as "preprocess.", and what it should be.
        known: every key that the files define.
    """
    for key in (*found, *defined):
        path = f"{above}{key}"
        if key not in defined and above in OPEN:
            refuse_quotes(path, found[key])
            continue
        if key not in defined:
            raise UserError(no_such_key(path, known))
        if key == TARGET and key in found and found[key] != defined[key]:
            group = path.partition(".")[0]
            raise UserError(f"{path}={_shown(found[key])}: a file names its code, choose another file with {group}=.")
        if key not in found:
            raise UserError(f"~{path}: every run needs {path!r}, give it a value instead.")
        below, there = defined[key], found[key]
        if isinstance(below, Mapping) and isinstance(there, Mapping):
            _compare(there, below, f"{path}.", known)
        elif isinstance(there, Mapping):
            raise UserError(
                no_such_key(f"{path}.{next(iter(there))}", known) if there else f"{path}={{}}: give a value."
            )
        elif isinstance(below, Mapping) and path not in ALSO_A_NUMBER:
            names = ", ".join(f"{path}.{each}" for each in below or ["NAME"])
            raise UserError(f"{path}={_shown(there)}: set the keys below it, {names}.")
        else:
            _check_value(path, there, below)


def _check_value(path: str, there: object, below: object) -> None:
    """Refuse a value that is of another type than the file's, where that would only be noticed later, or never."""
    if isinstance(below, bool):
        if not isinstance(there, bool):  # 1 would be another folder for the same run
            raise UserError(f"{path}={_shown(there)}: give true or false.")
    elif path in NAMES and there != below and "${" not in str(below):
        group = path.partition(".")[0]
        raise UserError(f"{path}={there}: it is the name of a file, choose another file with {group}=.")
    elif isinstance(below, list) and not isinstance(there, list):
        raise UserError(f"{path}={_shown(there)}: give a list, such as [{','.join(map(str, below))}].")
    elif path in FILES and there is not None and not isinstance(there, str):
        raise UserError(f"{path}={_shown(there)}: give a name; one that looks so is \"{path}='{_shown(there)}'\".")
    elif path in NUMBERS or isinstance(below, int | float):
        refuse_quotes(path, there)
        number = isinstance(there, int | float) and not isinstance(there, bool)
        if not number and path not in NUMBERS and "${" not in str(there):
            kind = "number" if isinstance(below, float) else "whole number"
            raise UserError(f"{path}={_shown(there)}: give a {kind}, such as {below}.")


def _shown(value: object) -> str:
    """A value as a command line has it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _defined(choices: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The configuration of these choices alone, and its groups; kept, because Hydra needs a tenth of a second."""
    return _composed(str(GlobalHydra.instance().config_loader().get_search_path()), choices)


@functools.cache
def _composed(search_path: str, choices: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    loader = GlobalHydra.instance().config_loader()
    config = loader.load_configuration(PRIMARY, [f"{group}={name}" for group, name in choices], RunMode.RUN)
    groups = tuple(group for group in config.hydra.runtime.choices if not group.startswith("hydra/"))
    defined = OmegaConf.to_container(config, resolve=False)
    assert isinstance(defined, dict)
    return {str(key): part for key, part in defined.items() if key != "hydra"}, groups
