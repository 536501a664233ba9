"""The evaluation job: `python -m jobs.evaluate`."""
