"""Training: one run, many nets as one, many runs of one command."""
