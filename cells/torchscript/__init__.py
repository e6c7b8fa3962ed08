"""The backend that can run everything: the loop over time compiled by TorchScript, or run in Python."""
