"""Merge many small runs into one that counts as they did."""
