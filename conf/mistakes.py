"""One handler for the mistakes of users: each becomes one line on the terminal, any other error keeps its traceback."""

import errno
import io
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unicodedata import category

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cells.alterations import Alteration
from cells.errors import UserError
from conf.compose import CONF, composed, keys_of
from conf.faulty_files import faulty_file, how_faulty
from conf.keys import EXPERIMENT, nearest, no_such_key, paths
from conf.quoting import how_to_quote

FULL_ERROR = "HYDRA_FULL_ERROR"
LONGEST_WORD = 400
"""Characters; a path of more is rare, a pasted file is not."""

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)
MISTAKES = (UserError, *COMPOSITION_ERRORS)

PATH_ERRORS = {
    errno.EACCES: "allow it (chmod) or give another path",
    errno.EPERM: "allow it (chmod) or give another path",
    errno.EROFS: "give a path where this user may write",
    errno.EISDIR: "it is a folder where a file is wanted",
    errno.ENOTDIR: "a file stands where a folder is wanted",
    errno.EEXIST: "a file stands where a folder is wanted",
    errno.ELOOP: "it is a link to itself",
    errno.ENAMETOOLONG: "give a shorter name",
}
"""The fault of a path, or what to do, by the system's number of the error. A file that is not there is no such
error: who opens it knows what the user meant."""

NO_UTF_8 = "surrogates not allowed"
"""Python's reason not to encode a path with bytes that are no UTF-8, which many libraries do not take."""

EXTRAS = {"joblib": "joblib", "submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}
"""The extra of pyproject.toml that each launcher needs."""

TRACEBACKS_WANTED = os.environ.get(FULL_ERROR) == "1"
"""Whether the user wants tracebacks; read at import, because `one_line_errors` sets the variable for Hydra."""


@contextmanager
def one_line_errors(interrupted: str = "Interrupted.") -> Iterator[None]:
    """End a command with exit code 1 and one line after a mistake, and with 130 and one line after Ctrl-C.

    HYDRA_FULL_ERROR=1 shows tracebacks instead. What standard output cannot encode is escaped.

    Args:
        interrupted: the line after Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # tests may have put something else there
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does for stderr
    if TRACEBACKS_WANTED:
        yield
        return
    os.environ[FULL_ERROR] = "1"  # Hydra hands its exceptions on instead of printing several lines
    try:
        with exit_on_mistake():
            yield
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        sys.exit(130)
    finally:
        del os.environ[FULL_ERROR]


@contextmanager
def exit_on_mistake() -> Iterator[None]:
    """End the program with exit code 1 and one line after a mistake, unless the user wants tracebacks."""
    try:
        yield
    except Exception as error:
        if TRACEBACKS_WANTED or not is_mistake(error):
            raise
        sys.exit(f"Error: {message(error)}")


def is_mistake(error: Exception) -> bool:
    """Whether the user can put the error right; Hydra answers data=3 with a ValueError, data=[3] with a TypeError."""
    if isinstance(error, OSError) and not isinstance(error, MISTAKES):  # one of Hydra's is an OSError
        return error.errno in PATH_ERRORS and error.filename is not None
    if isinstance(error, UnicodeEncodeError):
        return error.reason == NO_UTF_8
    if faulty_file(error) is not None:
        return True
    return isinstance(error, MISTAKES) or (isinstance(error, ValueError | TypeError) and _raised_by_hydra(error))


def _raised_by_hydra(error: Exception) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(Path(hydra.__file__).parent)


def message(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, COMPOSITION_ERRORS):
        text = _explanation(error)
    elif isinstance(error, UserError):
        text = str(error)
    elif isinstance(error, OSError) and is_mistake(error):
        path = os.fsdecode(error.filename2 or error.filename)  # of two, the second is where a file was to be put
        text = f"{path} cannot be used ({error.strerror}); {PATH_ERRORS[error.errno or 0]}."
    elif (file := faulty_file(error)) is not None:
        text = how_faulty(error, file)
    elif isinstance(error, UnicodeEncodeError) and is_mistake(error):
        text = f"{error.object} is no name in UTF-8, and not every library takes others; rename it."
    elif is_mistake(error):
        text = _refused_override(error)
    else:
        text = f"{type(error).__name__}: {error}"
    line = re.sub(r"\s*\n\s*", " ", text.strip())  # spaces stay: what is to be typed must work as it stands
    return re.sub(r"\S+", lambda word: _shortened(printable(word[0])), printable(line))


def printable(text: str) -> str:
    """The text with escapes in place of control characters, ends of lines and halves of surrogate pairs."""
    odd = {each for each in text if category(each) in ("Cc", "Cs", "Zl", "Zp")}
    return text.translate({ord(each): each.encode("unicode_escape").decode() for each in odd})


def _shortened(word: str) -> str:
    """A word, or its beginning and end if nobody would read all of it."""
    return word if len(word) <= LONGEST_WORD else f"{word[:200]}...{word[-50:]}"


def report(error: Exception) -> str:
    """An error in one line, an empty line, and its traceback; for use inside `except`."""
    lines = traceback.format_exc().split("\n")
    return f"{message(error)}\n\n" + "\n".join(map(printable, lines))


def not_installed(launcher: str) -> str:
    """The message that names the extra that a launcher of EXTRAS needs."""
    return f'hydra/launcher={launcher} is not installed; pip install -e ".[{EXTRAS[launcher]}]" brings it.'


def _explanation(error: Exception) -> str:
    """Hydra's message, or the nearest key or name where one was mistyped."""
    text = str(error).split("Config search path")[0].strip()
    if isinstance(error, OverrideParseException):
        return how_to_quote(error.override, sys.argv[1:])
    if unknown := re.match(r"Could not (?:override|delete from config\.) '(?!hydra\b)([^']+)'", text):
        below = str(getattr(error.__cause__, "full_key", ""))  # of cell={foo: 1} it is cell.foo
        return _unknown(below if below.startswith(f"{unknown[1]}.") else unknown[1])
    if hydras := re.match(r"Could not override '(hydra\b[^']*)'", text):
        return f"there is no key {hydras[1]!r}; python train.py --cfg hydra lists Hydra's keys."
    if wrong := re.match(r"Error merging override (\S+)$", text.partition("\n")[0]):
        return f"{wrong[1]}: this key takes no such value; python train.py --help lists the keys."
    if text.startswith("Ambiguous value") and (first := _other_mistake()):
        return first
    if needed := re.match(r"Missing mandatory value: \S+\s+full_key: (\S+)", text):
        return f"{needed[1]}= is missing: give it a value."
    launcher = re.search(r"Could not find 'hydra/launcher/(\w+)'", text)
    if launcher is not None and launcher[1] in EXTRAS:
        return not_installed(launcher[1])
    if missing := re.search(r"Could not find '(\S+)/(\S*)'\s+Available options in '\1':(.*)", text, re.DOTALL):
        group, name, names = missing[1], missing[2], missing[3].split()
        if not name:
            return f"{group}= takes a name: {' '.join(names)}."
        return f"there is no {group}={name}, did you mean {nearest(name, names)!r}? The names are {' '.join(names)}."
    return f"{text}; python train.py --help lists the keys."


def _other_mistake() -> str:
    """The mistake because of which Hydra did not see that a command is many runs, by its experiment or stack=.

    It takes a configuration that it cannot compose for a single run's, and then a value with a comma for the mistake.
    """
    parser = OverridesParser.create()
    given = [argument for argument in sys.argv[1:] if "=" in argument]
    try:
        composed(*(each for each in given if not parser.parse_override(each).is_sweep_override()))
    except MISTAKES as error:
        return message(error)
    return ""


def _unknown(key: str) -> str:
    known = _keys_of_files()
    if key in known and not known[key]:
        return f"~{key}: every run needs {key!r}, give it a value instead."
    if brings := known.get(key):
        return f"there is no key {key!r} here, {brings} has it: give that as well."
    return no_such_key(key, known)


def _keys_of_files() -> dict[str, str]:
    """Every key that a file of conf/ defines, and a choice that brings it; empty where every run has the key."""
    found = dict.fromkeys(["cell", *(f"cell.{key}" for key in keys_of(Alteration())), EXPERIMENT], "")
    for path in (*CONF.glob("[!e]*/*.yaml"), CONF / "market.yaml", CONF / "config.yaml"):
        text, in_group = path.read_text(encoding="utf-8"), path.parent != CONF
        above = f"{path.parent.name}." if in_group and "@package _global_" not in text else ""
        brings = f"{path.parent.name}={path.stem}" if in_group else "a feature set" if path.stem == "market" else ""
        tree = OmegaConf.to_container(OmegaConf.create(text))
        assert isinstance(tree, dict)
        keys = [path.parent.name] * in_group + list(paths(tree, above))
        found |= dict.fromkeys(keys, brings)
    return {key: choice for key, choice in found.items() if not re.match(r"(.*\.)?defaults$|hydra\b", key)}


def _refused_override(error: Exception) -> str:
    """The message for an override such as data=null: Hydra's own does not name it, but its function has it at hand."""
    at_hand = [frame.f_locals.get("override") for frame, _ in traceback.walk_tb(error.__traceback__)]
    refused = [override for override in at_hand if isinstance(override, Override)]
    if re.search(r"--\w", str(error)):  # Hydra names the options that do not go together
        return f"{error}."
    if not refused:
        return f"a key has a value of the wrong kind ({error}); python train.py --help lists the keys."
    return f"{refused[-1].input_line}: {refused[-1].key_or_group}= takes a name; python train.py --help lists them."
