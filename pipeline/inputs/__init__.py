"""What is read: files, the shards they are cut into, and the formats of their records."""
