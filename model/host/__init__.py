"""The machine that gleaner runs on: how it is installed there, and files on its disks."""
