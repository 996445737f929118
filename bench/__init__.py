"""Benchmarks: ``make bench``. Figures are ratios and rates of one run, never a verdict."""
