"""The Beam job: one stage a file, `graph` wires them, `run` starts them."""
