"""Statistics, tables, verdicts and the report of finished runs, made from their folders and never inside a run."""
