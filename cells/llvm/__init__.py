"""The backend of compiled loops: formulas on the CPU, in float32 and float64, as machine code written through LLVM."""
