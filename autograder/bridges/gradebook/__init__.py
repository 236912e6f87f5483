"""Gradebooks: rosters, late rules, and the files that Canvas, Moodle and others import."""
