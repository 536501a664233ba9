"""Find which surfaces name one thing, and write the table `names`."""
