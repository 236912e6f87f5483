"""The fixture ``student``: the submission as a test sees it, through the wire or in process."""
