"""Market series: read, joined, windowed and split without leaks."""
