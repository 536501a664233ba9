"""Users' own lists of terms, found in tokens beside what a model finds."""
