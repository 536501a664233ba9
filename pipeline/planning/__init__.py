"""What a run has to do: flags checked, files chosen, sizes estimated."""
