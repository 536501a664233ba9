"""An output: where its files stand, how they are written, committed and read."""
