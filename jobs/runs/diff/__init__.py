"""Compare the entities of two runs."""
