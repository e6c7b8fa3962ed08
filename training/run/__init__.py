"""One run: its folder, its record, its data and task, its training and its results."""
