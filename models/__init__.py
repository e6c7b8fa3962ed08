"""Nets (plain torch modules) and tasks (what a net is trained and scored for)."""
