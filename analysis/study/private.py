"""Marks of a machine that must not get into files that are shared."""

import re

ABSOLUTE = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?[/\\](?:[^\s'\":;,()]+[/\\])+")
"""The folders of an absolute path in a text: what stands in front of its last name."""
