"""Text corpora: read, pre-processed, split into folds, numbered and batched."""
