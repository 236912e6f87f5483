"""The tests you have."""
