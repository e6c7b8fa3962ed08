"""The groups of a user's own texts, `data.group=`: their numbers, and lines about them."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from datamodules.counts import count
from datamodules.errors import DataError, excerpt

SHOWN = 5
"""Groups that are named."""


def group_numbers(groups: Sequence[str]) -> list[int]:
    """The number of each document's group; one without a group is a group of its own."""
    number_of: dict[str, int] = {}
    return [number_of.setdefault(group or f"\0{row}", len(number_of)) for row, group in enumerate(groups)]


def about_groups(column: object, groups: Sequence[str], parts: Sequence[str]) -> list[str]:
    """Lines on the groups, and on those that ready-made parts tear apart: no fold does.

    Args:
        column: its name.
        groups: of each document; empty where it has none.
        parts: the given part of each document; empty if none is given.

    Raises:
        DataError: no document has a group.
    """
    sizes = Counter(filter(None, groups))
    if not sizes:
        raise DataError(f"data.group={column}: the column is empty; leave it out.")
    parts_of = defaultdict[str, set[str]](set)
    for group, part in zip(groups, parts, strict=False):
        parts_of[group].add(part)
    torn = [group for group in sizes if len(parts_of[group]) > 1]
    lines = [
        f"{column}: {count(len(sizes), 'group')} of {count(sizes.total(), 'document')}, up to {max(sizes.values()):,} "
        f"in one; " + (_about_torn(torn) if torn else "none of which is torn apart.")
    ]
    if alone := groups.count(""):
        lines.append(f"{count(alone, 'document')} without {column}: each is a group of its own.")
    return lines


def _about_torn(torn: Sequence[str]) -> str:
    named = ", ".join(map(excerpt, torn[:SHOWN])) + (", ..." if len(torn) > SHOWN else "")
    return f"the given parts tear {len(torn):,} of them apart ({named}), the folds none."
