"""The labelled files of a training: read, cut into parts, and what is odd about them."""
