"""The backend that can run everything: the loop over time compiled by TorchScript, or followed in Python."""
