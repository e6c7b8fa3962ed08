"""The language of formulas: text to tree, tree to derivative and back to text.

`module_reader` and `operations` read TorchScript graphs of users' modules as formulas. No file here knows a backend.
"""
