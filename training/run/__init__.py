"""One run: its data and task, its training and its results."""
