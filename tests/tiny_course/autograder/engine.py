"""The engine of the tiny course."""
