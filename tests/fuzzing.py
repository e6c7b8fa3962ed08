"""Spoilt content of files, for fuzz tests, and the only two ways in which a loader may end."""

import random
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from within_limits import within_limits

from datamodules.errors import DataError

LONGEST_MESSAGE = 700  # characters, the path apart

NASTY = [
    *(b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\xed\xa0\x80", b"\xe4", b"\xc3", b"\x1a"),
    *(
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\x0b",
        b"\xe2\x80\xa8",
        b"\t",
        b" ",
        b",",
        b";",
        b'"',
        b'""',
        b"'",
        b"\\",
        b"#",
    ),
    *(b"1e999", b"-1e999", b"1e300", b"-1", b"0", b"nan", b"inf", b"null", b"0x1F", b"1_0", b"\xd9\xa3", b"1e-320"),
    *(b"9999-12-31", b"0000-00-00", b"2015-02-30", b"2015-03-01", b" 23:00:00-05:00", b"T00:00:00Z", b"+99:99"),
    *(b"date", b"Date", b"mood", b"Price", b"Ticker", b"PK\x03\x04", b"PK\x05\x06", b"# x\n", b"a" * 200_000),
]

seeds = st.integers(0, 2**32 - 1)


def spoilt(content: bytes, seed: int) -> bytes:
    """The content after one to four changes: pieces put in, cut out, doubled, moved, or with other bits."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.choice([0, len(changed), *(chance.randint(0, len(changed)) for _ in range(6))])
        end = min(len(changed), at + chance.choice([0, 1, 2, 5, 20, 100, 10_000]))
        match chance.randrange(6):
            case 0 | 1:
                changed[at:end] = chance.choice(NASTY)
            case 2:
                changed[at:at] = chance.choice(NASTY)
            case 3:
                changed[at:at] = changed[at:end] * chance.choice([1, 2, 50])
            case 4:
                del changed[at:end]
            case 5 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
    encoding = chance.choice(["", "", "", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"])
    return changed.decode("utf-8", "replace").encode(encoding, "replace") if encoding else bytes(changed)


def read_or_refused(read: Callable[[], object], path: Path) -> bool:
    """Whether the file is read, within the limits; it may be refused, in one sentence that names it."""
    try:
        within_limits(read)
    except DataError as error:
        message = str(error).replace(str(path), "FILE")
        assert len(message) <= LONGEST_MESSAGE, message[:2000]
        assert message.endswith("."), message
        return False
    return True


def with_other_bits(content: bytes, seed: int) -> bytes:
    """The content with one or some bits flipped, or without its end."""
    chance, changed = random.Random(seed), bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 20])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    if chance.random() < 0.2:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)
