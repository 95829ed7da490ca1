"""The domain core: what was found, on what, how bad, in which order, and the store that keeps it."""
