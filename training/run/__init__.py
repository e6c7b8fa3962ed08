"""One run: its record, its folder, its data and task, its training and its results."""
