"""Tables computed from finished runs' metrics.csv files, never inside a run."""
