"""The command ``course``: for students, instructors and authors."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the command line; what a person got wrong becomes one clear message and exit code 2.

    Exit codes: 0 done and fine; 1 done, and something did not pass; 2 the request was wrong;
    3 the grader itself failed; 130 interrupted.
    """
    from autograder.cli.app import app
    from autograder.course import CourseError
    from autograder.faults import GraderFault

    try:
        app(prog_name=_typed())
    except CourseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except GraderFault as fault:
        sys.stderr.write(f"The grader failed, which is not the submission's fault: {fault}\n")
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


def _typed() -> str:
    """What a person types for the command, for help to say: the launcher works everywhere."""
    if Path(sys.argv[0]).stem == "course":
        return "course"
    return "python course.py" if sys.platform == "win32" else "python3 course.py"
