"""The LLVM backend: the loop over time of a layer as machine code, forward and backward."""
