"""Training on text without labels: taggers label it, and others learn from what they say."""
