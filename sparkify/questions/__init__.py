"""The prepared questions, what cuts them, and their answers."""
