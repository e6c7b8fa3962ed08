"""From a configuration to a finished run: its folder, its trainer, what it logs and what it leaves behind."""
