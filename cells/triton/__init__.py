"""The backends for CUDA devices: a layer's loop over time in Triton kernels, printed from the cell's equations."""
