"""The pocket model: its training world, training, export and evaluation."""
