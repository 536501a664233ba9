"""Paths and URLs, and the disks and object stores behind them."""
