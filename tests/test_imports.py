"""The order of the rooms: a room imports from those below it and never from those above, and no files in a circle."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

from conftest import PROJECT

ROOMS = [
    *("benchmarks", "train", "predict", "hydra_plugins", "inference", "analysis"),
    *("analysis.report", "analysis.tables", "analysis.claims", "analysis.statistics"),
    *("analysis.study", "analysis.published"),
    *("training.studies", "training.stacks", "training.run", "training"),
    *("models", "forecasting"),
    *("datamodules.__main__", "datamodules.market", "datamodules.texts"),
    *("datamodules.sentiment", "datamodules.tweets", "datamodules"),
    *("conf", "cells"),
]
"""From the top floor down."""


def modules() -> dict[str, Path]:
    """Every module of the project, tests aside, by its dotted name."""
    tops = {room.partition(".")[0] for room in ROOMS}
    files = [path for top in tops for path in (PROJECT / f"{top}.py", *(PROJECT / top).rglob("*.py")) if path.exists()]
    found = {".".join(path.relative_to(PROJECT).with_suffix("").parts): path for path in files}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def imports(path: Path, names: set[str]) -> Iterator[tuple[int, str]]:
    """Line and module of each import of the project's own, those inside functions and for types included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        wanted = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}, line {node.lineno}: imports are absolute here"
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in wanted:
            while name and name not in names:
                name = name.rpartition(".")[0]
            if name:
                yield node.lineno, name


def room(module: str) -> int:
    """The floor of a module, by the longest name of a room that it begins with; 0 is the top one."""
    return max((len(name), floor) for floor, name in enumerate(ROOMS) if f"{module}.".startswith(f"{name}."))[1]


def test_no_import_leads_up() -> None:
    names = modules()
    up = [
        f"{path.relative_to(PROJECT)}, line {line}: {module} imports {target}, which is above it"
        for module, path in names.items()
        for line, target in imports(path, set(names))
        if room(target) < room(module)
    ]
    assert not up, "\n".join(up)


def test_no_imports_in_a_circle() -> None:
    names = modules()
    graph = {
        module: {target for _, target in imports(path, set(names))} - {module}
        for module, path in names.items()
        if path.name != "__init__.py"  # a package that offers what is in it
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError(f"files that import each other: {' -> '.join(error.args[1])}") from None
