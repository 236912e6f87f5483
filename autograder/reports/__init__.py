"""Reports: values in, text out, for a student, an instructor and a spreadsheet.

Nothing here grades, reads a clock or knows a path: the same reports give the same bytes.
"""
