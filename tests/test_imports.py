"""The order of the rooms: a room imports from those below it and never from those above, and no files in a circle."""

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

from conftest import PROJECT

ROOMS = [
    *("benchmarks", "train", "predict", "hydra_plugins", "inference", "analysis"),
    *("training.studies", "training.stacks", "training.run", "training.run.folder", "training"),
    *("models", "forecasting"),
    *("datamodules.__main__", "datamodules.series", "datamodules.market", "datamodules.texts"),
    *("datamodules.sentiment", "datamodules.tweets", "datamodules"),
    *(
        "conf",
        "cells.__init__",
        "cells.observe",
        "cells.stack",
        "cells.lstm",
        "cells.lstm_cell",
        "cells.altered",
        "cells.cell_module",
        "cells.backends",
    ),
    *("cells.llvm", "cells.triton", "cells.torchscript", "cells.eager", "cells", "cells.language", "cells.errors"),
]
"""From the top floor down; a package's own name stands for all that has no floor of its own."""

BROUGHT = {"torch", "llvmlite", "triton"}
"""The packages that cells may import: the requirements of lstm-cs, and of its extra."""

NO_CODE = ("tests", "runs", "data", "build")


def modules() -> dict[str, Path]:
    """Every module of the project, tests aside, by its dotted name."""
    folders = [path for path in PROJECT.iterdir() if path.is_dir() and path.name[0] != "." and path.name not in NO_CODE]
    files = [*PROJECT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    found = {".".join(path.relative_to(PROJECT).with_suffix("").parts): path for path in files}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def imports(path: Path, names: set[str]) -> Iterator[tuple[int, str]]:
    """Line and module of each import of the project's own: at the top, inside functions, for types, or by a string."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                wanted = [alias.name for alias in node.names]
            case ast.ImportFrom():
                assert not node.level, f"{path}, line {node.lineno}: imports are absolute here"
                wanted = [f"{node.module}.{alias.name}" for alias in node.names]
            case ast.Call(ast.Name("import_module") | ast.Attribute(_, "import_module"), [ast.Constant(str(name)), *_]):
                wanted = [name]
            case _:
                continue
        for name in wanted:
            while name and name not in names:
                name = name.rpartition(".")[0]
            if name:
                yield node.lineno, name


def floor(module: str, path: Path) -> int:
    """The floor of a module, by the longest name in ROOMS that it begins with; 0 is the top one."""
    name = f"{module}.__init__" if path.name == "__init__.py" else module
    found = [(len(room), number) for number, room in enumerate(ROOMS) if f"{name}.".startswith(f"{room}.")]
    assert found, f"{path.relative_to(PROJECT)} is in no room: give it a place in ROOMS"
    return max(found)[1]


def test_no_import_leads_up() -> None:
    names = modules()
    up = [
        f"{path.relative_to(PROJECT)}, line {line}: {module} imports {target}, which is above it"
        for module, path in names.items()
        for line, target in imports(path, set(names))
        if floor(target, names[target]) < floor(module, path)
    ]
    assert not up, "\n".join(up)


def test_no_imports_in_a_circle() -> None:
    names = modules()
    graph = {module: {target for _, target in imports(path, set(names))} - {module} for module, path in names.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError(f"files that import each other: {' -> '.join(error.args[1])}") from None


def test_cells_needs_nothing_but_what_its_distribution_requires() -> None:
    found = set()
    for path in (PROJECT / "cells").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0] for name in names}
    assert found - sys.stdlib_module_names == {"cells", *BROUGHT}
