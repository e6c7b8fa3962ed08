"""A study as one HTML page that needs no network: `python -m analysis report RUNS -o FOLDER`."""

from .page import write

__all__ = ["write"]
