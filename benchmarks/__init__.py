"""Speed and conformance measurements, each run as `python -m benchmarks.<name>`."""
