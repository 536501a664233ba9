"""What the network is fed: sentences of gold and silver, encoded, in batches."""
