"""Look at the runs of an output, check them, and change what counts: `python -m jobs.runs`."""
