"""How a model version comes to be: data, loop, metrics, evaluation."""
