"""The report of a run: its manifest and its tables in, one page to read out."""
