"""Training a tagger on labelled sentences; the only place for Keras."""
