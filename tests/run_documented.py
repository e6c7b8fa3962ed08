"""Run documented commands and blocks of Python, one after the other, in this process: `python run_documented.py STEPS`.

STEPS is a JSON file with a list of {"argv": [...]} and {"code": "...", "module": ...}, executed in the current folder.
For each one a line of JSON goes to standard output: {"failed": why, or "", "output": "..."}.
"""

import contextlib
import io
import json
import runpy
import sys
import traceback
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run every step, whatever becomes of those before it."""
    sys.path.insert(0, str(PROJECT))
    answers = sys.stdout
    for step in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        output = io.StringIO()
        failed = ""
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                run_command(step["argv"]) if "argv" in step else run_code(**step)
            except SystemExit as stop:
                failed = "" if stop.code in (None, 0) else str(stop.code)
            except BaseException:
                failed = traceback.format_exc()
        print(json.dumps({"failed": failed, "output": output.getvalue()}), file=answers, flush=True)


def run_command(argv: list[str]) -> None:
    """`python FILE ...` or `python -m MODULE ...`, as the interpreter would."""
    _, *words = argv
    words = [first_match(word) for word in words]
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(str(PROJECT / words[0]), run_name="__main__")


def first_match(word: str) -> str:
    """The first folder of a finished run that fits a pattern such as runs/robo/*; any other word as it is."""
    if not word.endswith("/*"):
        return word
    finished = sorted(Path().glob(f"{word}/finished"))
    return str(finished[0].parent) if finished else sys.exit(f"no command before left a finished run in {word}")


def run_code(code: str, module: str | None) -> None:
    """A block of Python, as a script of its own or as if it stood at the end of a module."""
    names = vars(__import__(module, fromlist=["names"])).copy() if module else {}
    exec(compile(code, "block", "exec"), names)


if __name__ == "__main__":
    main()
