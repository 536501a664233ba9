"""Publish what counts of an output as tables of open formats."""
