"""The language of formulas: text to tree, tree to derivative; it knows no target."""
