"""The runs of a study as they lie in their folders: results, settings, and which runs are missing."""
