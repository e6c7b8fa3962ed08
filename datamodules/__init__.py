"""Data sets: their files, words, folds, and the batches a net is trained on."""
