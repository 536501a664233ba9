"""What a person or a scheduler starts: train, evaluate."""
