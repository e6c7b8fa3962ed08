"""What must not get from one machine into files that are shared."""

import re

ABSOLUTE = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?[/\\](?:[^\s'\":;,()]+[/\\])+")
"""The folders of an absolute path in a text: what stands in front of its last name."""
