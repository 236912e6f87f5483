"""``course doctor``: what this machine offers, and what would be better."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata

from rich.console import Console
from rich.table import Table

from autograder import __version__
from autograder.batch import cores
from autograder.course import Limits
from autograder.sandbox.rungs import NAMESPACES, PROCESS, USER, Sandbox, open_sandbox, remedy

_PROBES = {
    "files of this machine": "open('/etc/passwd').read()",
    "the network": "__import__('socket').socket()",
    "other programs": "__import__('os').execv('/bin/true', ['true'])",
    "other processes": "__import__('os').kill(__import__('os').getppid() or 1 << 22, 0)",
    "writing outside its folder": "open('/var/tmp/probe', 'w')",
}


def examine(screen: Console, rung: str = "") -> int:
    """Print what was found; return 0 when grades can be trusted here, 1 when not.

    Args:
        screen: Where to print.
        rung: The rung to look at; the best there is by default.
    """
    versions = ", ".join(f"{name} {_version(name)}" for name in ("numpy", "torch", "pytest"))
    screen.print(f"course {__version__} on Python {platform.python_version()}, {versions}")
    screen.print(f"{platform.system()} {platform.release()}, {cores()} cores")
    started = time.perf_counter()
    sandbox = open_sandbox((), rung)
    took = time.perf_counter() - started
    try:
        _describe(sandbox, took, screen)
        _table(sandbox, screen)
    finally:
        sandbox.close()
    advice = _advice(sandbox)
    screen.print(advice, markup=False)
    return 1 if sandbox.rung == PROCESS else 0


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _describe(sandbox: Sandbox, took: float, screen: Console) -> None:
    walls = "bubblewrap around our own walls" if sandbox.wrapped else "our own walls alone"
    text = {
        NAMESPACES: walls,
        USER: "a throwaway user for each submission, no namespaces",
        PROCESS: "a plain child process",
    }[sandbox.rung]
    who = "root (submissions run as a throwaway user)" if _is_root() else "an ordinary user"
    screen.print(f"Sandbox rung: [bold]{sandbox.rung}[/], {text}; as {who}; {took:.2f} s to start.")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _table(sandbox: Sandbox, screen: Console) -> None:
    """Try each wall from inside, rather than believe that it stands."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("a submission trying")
    table.add_column("finds")
    for title, expression in _PROBES.items():
        found = _probe(sandbox, expression)
        table.add_row(title, f"[green]closed[/] ({found})" if found else "[red]open[/]")
    screen.print(table)


def _probe(sandbox: Sandbox, expression: str) -> str:
    """Run an expression as a submission; return the exception's name, or nothing if it worked."""
    source = (
        f"try:\n    {expression}\nexcept Exception as error:\n    print(type(error).__name__)\n"
    )
    order = {"files": {"probe.py": source}, "load": ["probe.py"], "homes": {}, "forbidden": {}}
    process = sandbox.open(order, Limits())
    try:
        return str(process.output_text()).strip()
    finally:
        process.close()


def _advice(sandbox: Sandbox) -> str:
    if sandbox.rung == PROCESS:
        return f"Grades from here need --allow-weak-sandbox: {sandbox.why}. {remedy(sandbox.why)}"
    if sandbox.rung == USER:
        better = (
            f" Better is {NAMESPACES}: {sandbox.why}. {remedy(sandbox.why)}" if sandbox.why else ""
        )
        return f"Good enough for marks. What {USER} leaves open: {sandbox.costs}{better}"
    if not sandbox.wrapped:
        extra = sandbox.why or "bubblewrap is not installed"
        return f"Good. A second wall is to be had: {extra}. {remedy(sandbox.why)}"
    return "Good: this is the best there is."
