"""Market series: read, checked, joined, cut into windows and split without leaks."""
