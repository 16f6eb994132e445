"""Trained networks run fast: by Keras or by an exported graph, the next images read while the present ones are seen."""
