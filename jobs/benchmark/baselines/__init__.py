"""The comparison with other taggers: `python -m jobs.benchmark.baselines`."""
