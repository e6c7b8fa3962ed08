"""Data sets: their files, their words, their folds, and the batches a net is trained on."""
