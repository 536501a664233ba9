"""How labelled files are written: a reader a file, and what is known for something else."""
