"""The tables of both papers beside our runs, as Markdown, CSV and LaTeX."""
