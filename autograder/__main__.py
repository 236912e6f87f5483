"""``python -m autograder`` is the command ``course``."""

from autograder.cli import main

if __name__ == "__main__":
    main()
