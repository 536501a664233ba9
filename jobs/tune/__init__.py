"""The search over the flags of training: `python -m jobs.tune`."""
