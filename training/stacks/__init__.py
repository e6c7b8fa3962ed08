"""Many nets trained as one."""
