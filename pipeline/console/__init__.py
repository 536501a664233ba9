"""What people and machines read while a command runs; nothing here imports Beam."""
