"""The language of formulas: text to tree, tree to derivative and back to text. It knows no backend."""
