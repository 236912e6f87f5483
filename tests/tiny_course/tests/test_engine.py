"""A test that needs solutions."""
