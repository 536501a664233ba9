"""Text cut into sentences and tokens, and text of others made safe to show."""
