"""The backend for CUDA devices: a layer's loop over time as one Triton kernel, printed from the cell's equations."""
