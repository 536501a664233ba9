"""The flags of a run as one frozen record, with defaults, bounds and help."""
