"""Import a submission's files, once, and find what they define."""

from __future__ import annotations

import importlib
import sys
from typing import Any


class Modules:
    """The imported modules of a submission.

    Attributes:
        failures: For each file that could not be imported, the exception it raised.
    """

    def __init__(self, files: list[str], homes: dict[str, str]) -> None:
        """Prepare to import.

        Args:
            files: The course's file names, in order, as far as they were handed in.
            homes: Which file each graded name belongs in.
        """
        self.files = files
        self.homes = homes
        self.loaded: dict[str, Any] = {}
        self.failures: dict[str, BaseException] = {}

    def load(self, file: str) -> None:
        """Import one file; keep its exception instead if it raises one."""
        try:
            self.loaded[file] = importlib.import_module(file.removesuffix(".py"))
        except BaseException as error:  # a module may raise anything, SystemExit too
            self.failures[file] = error

    def lookup(self, name: str) -> Any:
        """Find a name in the file it belongs in, else in any other.

        Raises:
            AttributeError: No file defines it.
        """
        home = self.homes.get(name)
        order = [home] if home in self.loaded else []
        order += [file for file in self.loaded if file != home]
        for file in order:
            if name in vars(self.loaded[file]):
                return vars(self.loaded[file])[name]
        raise MissingName(name)


class MissingName(AttributeError):
    """The submission defines nothing under a name."""


def use_folder(folder: str) -> None:
    """Let modules be imported from a folder of the submission, and from no cache."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
