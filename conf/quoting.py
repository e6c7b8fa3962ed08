"""Advice on quotes for an override that Hydra cannot read: it wants them around other signs, and so does the shell."""

import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

FOR_THE_SHELL = set('"$`\\!')
"""Signs that the shell does not leave alone in double quotes."""


def how_to_quote(override: str, typed: Sequence[str]) -> str:
    """The message for an override that Hydra cannot read.

    Args:
        override: as Hydra got it.
        typed: the arguments of the command, where the shell may have made several of one override.
    """
    before, behind = _around(override, typed)
    if _is_loose(override):
        if not before:
            return f"{override}: no key= before it; python train.py --help lists the keys."
        whole = _quoted(" ".join([before, override, *behind]))
        return f"{override}: no key= before it; if it belongs to {before}, quote the whole: {whole}"
    whole = " ".join([override, *behind])
    _, _, value = whole.partition("=")
    if value.startswith("[") and value.endswith("]") and not set(value) & set("'\"{}"):
        return f"{whole}: put names with other signs in quotes, {_quoted(whole)}"
    if not value or (value[0] in "'\"[{" and not _is_readable(whole)):
        return f"{whole}: Hydra cannot read this; a quote or bracket that opens must close."
    return f"{whole}: put the value in quotes, {_quoted(whole)}"


def _around(override: str, typed: Sequence[str]) -> tuple[str, list[str]]:
    """The override before this one, empty if there is none, and the words behind it that belong to no key."""
    if override not in typed:
        return "", []
    place = typed.index(override)
    behind = []
    for word in typed[place + 1 :]:
        if not _is_loose(word):
            break
        behind.append(word)
    before = typed[place - 1] if place else ""
    return before if "=" in before and not before.startswith("-") else "", behind


def _is_loose(word: str) -> bool:
    """Whether a word is neither an option nor an override."""
    return not re.match(r"-|~|\+*[\w./@:$-]+=", word)


def _quoted(override: str) -> str:
    """The override as it is to be typed: its value in quotes for Hydra where it needs them, all of it for the shell."""
    key, _, value = override.partition("=")
    if value.startswith("[") and value.endswith("]") and not set(value) & set("'\"{}"):
        names = [name.strip() for name in value[1:-1].split(",")]
        inside = ",".join(name if re.fullmatch(r"[\w.-]+", name) else f"'{name}'" for name in names)
        override = f"{key}=[{inside}]"
    elif value[:1] not in ("'", '"', "[", "{") or not _is_readable(override):
        doubled = re.sub(r"(\\+)(?='|$)", r"\1\1", value)
        override = "{}='{}'".format(key, doubled.replace("'", "\\'"))
    return shlex.quote(override) if set(override) & FOR_THE_SHELL else f'"{override}"'


def _is_readable(override: str) -> bool:
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True
