"""Finished runs put to use: opened again, asked for labels or forecasts, exported."""
