"""The stages of the pipeline, one PTransform a file, and what they share."""
