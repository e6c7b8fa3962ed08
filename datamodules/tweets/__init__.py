"""Tweet files: read in chunks, scored, and averaged by day."""
