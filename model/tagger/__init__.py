"""The tagger: words in, entities out; its network, its CRF, and the artifact on disk."""
