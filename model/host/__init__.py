"""The machine that gleaner runs on: its processor, its disks, and how it is installed there."""
