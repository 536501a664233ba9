"""The format `csv`: what a table is, its rows, and where their quotes end."""
