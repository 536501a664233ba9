"""What people read of a training: on the terminal, on the model card, and in charts."""
