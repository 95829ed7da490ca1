"""Networks and their weights: tensors in, scores out, and the registry of model versions."""
