"""The page for people about all runs: `python -m analysis findings RESULTS -o docs`."""
