"""What is measured, and against what. `python -m benchmarks`; how to read it: docs/benchmarks.md."""
