"""Erase documents and sources from all runs."""
