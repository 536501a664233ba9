"""The benchmark job: `python -m jobs.benchmark`."""
