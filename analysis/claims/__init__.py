"""The cell paper's claims, and which of them the runs at hand reproduce."""
