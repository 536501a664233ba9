"""Make the report of a run again."""
