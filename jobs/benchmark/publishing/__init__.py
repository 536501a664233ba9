"""What publishing costs night after night."""
