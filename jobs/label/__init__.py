"""Find the texts whose labels would teach most, and read back what people answered."""
