"""How fast the service is, as ratios to `json.loads` of the same bytes: `python -m benchmarks`."""
