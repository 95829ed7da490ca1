"""Where pictures come from over the network."""
