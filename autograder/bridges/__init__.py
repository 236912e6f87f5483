"""Bridges to the systems that schools run; data goes out as values, never the other way."""
