"""The backend that can run everything where TorchScript works: the loop over time compiled, or run in Python."""
