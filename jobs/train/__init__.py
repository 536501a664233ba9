"""The training job: `python -m jobs.train`."""
