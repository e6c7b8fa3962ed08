"""Finished runs in use: opened again, asked for labels or forecasts, exported."""
