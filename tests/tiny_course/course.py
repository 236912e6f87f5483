"""The launcher of the tiny course."""
