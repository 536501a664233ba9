"""Everything that can be tested without Beam: text, tokens, encoding, the tagger, its artifact."""
