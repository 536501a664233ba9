"""The layers of the network in training, and the likelihood of its CRF."""
