"""Gradescope: a zip that grades one assignment in its container, and the results it shows."""
