"""Text corpora: read, pre-processed, split into folds, encoded as numbers and batched."""
