"""Whole lines on a terminal whose last line is being rewritten, and in a file."""

import sys

REWRITE_LINE = "\r\033[K"
"""Printed before a line: overwrites the terminal's current line."""


def print_line(line: str) -> None:
    """Print a line; on a terminal it takes the place of one that is being rewritten."""
    print((REWRITE_LINE if sys.stdout.isatty() else "") + line, flush=True)
