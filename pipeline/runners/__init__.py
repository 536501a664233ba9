"""Where a pipeline runs: on this machine, or on a cluster."""
