"""A study as one HTML page that needs no network: `python -m analysis report RUNS -o FOLDER`."""

from analysis.report.page import write

__all__ = ["write"]
