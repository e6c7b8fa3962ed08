"""Nets: plain torch modules, which know nothing of Lightning, Hydra, losses or files."""
