"""Benchmarks: what Ringback costs and carries. Figures in the README come from here."""
