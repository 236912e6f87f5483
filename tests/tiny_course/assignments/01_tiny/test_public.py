from autograder.testing import close, part


@part("dot")
def test_small_numbers(student):
    """Two small vectors have the dot product one gets by hand."""
    close(student.dot([1.0, 2.0], [3.0, 4.0]), 11.0)
