"""nbgrader: a course that it accepts, and marks from our sandbox in its gradebook."""
