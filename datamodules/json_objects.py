"""The objects of a JSON file, one after the other: one object a line, or one list of objects."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from datamodules.errors import DataError, excerpt
from datamodules.open_files import LONGEST_LINE
from datamodules.text_files import at_line

DEEPEST = 100
"""Levels of lists and objects inside each other; what reads them does so by recursion, of which Python allows 1,000."""

_BLANKS = re.compile(r"[ \t\r\n]*")


class DoubledKeyError(ValueError):
    """An object has a key twice, of which Python would silently take the last."""


def objects(file: str, suffix: str, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The line of each object, and the object; in a `.json` file that is one list, its number in the list.

    Args:
        file: its name, for errors.
        suffix: of the file.
        lines: of the file, with their ends; no more than one object is in memory at a time.

    Raises:
        DataError: something is no JSON or no object, is nested deeper than DEEPEST, or an object has a key twice; names
            the line or the number.
    """
    for number, each in _values(file, suffix, lines):
        if _is_deep(each):
            raise _invalid(file, number, RecursionError())
        if not isinstance(each, dict):
            raise at_line(file, number, f"{excerpt(json.dumps(each))} is no JSON object, such as {{...}}")
        yield number, each


def _values(file: str, suffix: str, lines: Iterator[str]) -> Iterator[tuple[int, Any]]:
    is_first = True
    for number, line in enumerate(lines, 1):
        if is_first and suffix == ".json" and line.lstrip().startswith("["):
            yield from _of_list(file, _List(line.lstrip()[1:], lines))
            return
        if line.strip():
            is_first = False
            try:
                yield number, json.loads(line, object_pairs_hook=_unique)
            except (ValueError, RecursionError) as error:
                raise _invalid(file, number, error) from error


def _of_list(file: str, text: "_List") -> Iterator[tuple[int, Any]]:
    number, sign = 0, ","
    if text.sign() == "]":
        return
    while sign == ",":
        number += 1
        try:
            yield number, text.value()
        except (ValueError, RecursionError) as error:
            raise _invalid(file, number, error) from error
        sign = text.next_sign()
    if sign != "]":
        raise at_line(file, number, f"not valid JSON ({sign or 'the end of the file'!r} instead of , or ] behind it)")
    if text.sign():
        raise at_line(file, number, f"{text.sign()!r} stands behind the end of the list; write one list")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, list | dict) for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _invalid(file: str, number: int, error: Exception) -> DataError:
    if isinstance(error, RecursionError):
        return at_line(file, number, f"the JSON is nested too deeply; {DEEPEST} levels are the most")
    if isinstance(error, DoubledKeyError):
        return at_line(file, number, f"{error}; remove or rename one of them")
    return at_line(file, number, f"not valid JSON ({error}); write one object a line")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these keys and values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise DoubledKeyError(f"the key {excerpt(twice)!r} stands twice in one object")
    return found


class _List:
    """The text of a list of JSON, of which little is in memory at a time.

    Args:
        text: the beginning, behind the opening bracket.
        lines: the rest.
    """

    decoder = json.JSONDecoder(object_pairs_hook=_unique)

    def __init__(self, text: str, lines: Iterator[str]):
        self._text, self._lines, self._place = text, lines, 0

    def sign(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._place)
            self._place = blanks.end() if blanks else self._place
            if self._place < len(self._text) or not self._more(1):
                return self._text[self._place : self._place + 1]

    def next_sign(self) -> str:
        """The same, and go past it."""
        sign = self.sign()
        self._place += 1
        return sign

    def value(self) -> Any:
        """The next value, and go past it; it may extend over many lines.

        Raises:
            ValueError: it is not valid JSON, or a key stands twice in it.
        """
        self.sign()
        count = 1
        while True:
            try:
                value, self._place = self.decoder.raw_decode(self._text, self._place)
                return value
            except json.JSONDecodeError:
                if len(self._text) > LONGEST_LINE or not self._more(count):
                    raise
            count *= 2  # or a value of many lines would be parsed as many times

    def _more(self, count: int) -> bool:
        added = "".join(islice(self._lines, count))
        self._text, self._place = self._text[self._place :] + added, 0
        return bool(added)
