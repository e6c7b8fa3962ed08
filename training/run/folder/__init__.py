"""The folder of a run: its record, its leases and attempts, its checkpoints, and what is checked when it is read."""
