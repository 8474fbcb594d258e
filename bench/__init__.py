"""Benchmarks: `python -m bench.run ops|models`, `pytest bench --benchmark-only`, `python -m bench.compare`."""
