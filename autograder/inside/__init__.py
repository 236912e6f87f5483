"""Everything in this folder runs on the student's side of the wall, and nothing else does.

It is all that the sandbox shows of the course, so it imports only ``autograder.wire``, the standard
library, numpy and torch, and holds no test, no expected value and no secret.
"""
