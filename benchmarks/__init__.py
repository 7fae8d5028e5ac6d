"""Measurements, each a program of its own: `python benchmarks/startup.py --help`."""
