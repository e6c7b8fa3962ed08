"""Runs the notebooks in examples/ from top to bottom and writes their outputs: `make notebooks`."""

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


STRICT = """
def _strict(_command, _shell=get_ipython(), _system=get_ipython().system):
    _system(_command)
    if _shell.user_ns["_exit_code"]:
        raise RuntimeError(f"exit code {_shell.user_ns['_exit_code']}: {_command}")

get_ipython().system = _strict
"""
"""Makes a command behind an exclamation mark an error if it fails, which IPython does not."""


def run(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook in its folder.

    Raises:
        CellExecutionError: a cell raised an error, or a command in it failed.
    """
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=None, record_timing=False, resources=folder)
    client.reset_execution_trackers()
    with client.setup_kernel():
        strict = nbformat.v4.new_code_cell(STRICT)
        notebook.cells.append(strict)  # where nbclient puts what it has executed
        client.execute_cell(strict, len(notebook.cells) - 1, store_history=False)
        notebook.cells.pop()
        for place, cell in enumerate(notebook.cells):
            client.execute_cell(cell, place)
            merge_streams(cell)
    notebook.metadata.language_info = {"name": "python"}  # or every new version of Python would change the file
    return notebook


def merge_streams(cell: nbformat.NotebookNode) -> None:
    """Join neighbouring pieces of one stream, which are cut where the kernel happened to flush."""
    merged: list[nbformat.NotebookNode] = []
    for output in cell.get("outputs", []):
        if merged and output.output_type == "stream" == merged[-1].output_type and output.name == merged[-1].name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    if "outputs" in cell:
        cell.outputs = merged


def main() -> None:
    """Write each notebook with its outputs, in place or into another folder."""
    parser = argparse.ArgumentParser(description="Run notebooks and write their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted(EXAMPLES.glob("*.ipynb")))
    parser.add_argument("-o", "--output", type=Path, help="a folder for them [where they are]")
    given = parser.parse_args()
    for path in given.notebooks:
        notebook = run(path)
        target = (given.output or path.parent) / path.name
        written = target.with_suffix(".part")
        nbformat.write(notebook, written)
        written.replace(target)
        print(target)


if __name__ == "__main__":
    main()
