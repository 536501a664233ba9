"""The tagger's arithmetic in C, for the processor's own vectors; without it TensorFlow does it."""
