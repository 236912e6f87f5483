"""The result of a verification in the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.author.verification import PartProof, Verification


def render(verification: Verification) -> RenderableType:
    """Lay out a verification: a table of parts, what to mend, entries to paste, the verdict."""
    blocks: list[RenderableType] = [
        Text(f"{verification.assignment}: {verification.title}", style="bold"),
    ]
    if verification.parts:
        blocks.append(Padding(_parts(verification.parts), (1, 0)))
    if verification.findings:
        blocks.append(_findings(verification))
    if verification.survivors:
        blocks.append(Text("\nFor mutants.toml, where no test can notice:\n", style="bold"))
        blocks += [Text(entry, no_wrap=True, overflow="ignore") for entry in verification.survivors]
    blocks += [Text(note, style="dim") for note in verification.notes]
    count = len(verification.findings)
    verdict = "Done: nothing to mend." if verification.ok else f"{count} to mend."
    blocks.append(Text(verdict, style="bold green" if verification.ok else "bold red"))
    return Group(*blocks)


def _parts(parts: tuple[PartProof, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("Part", overflow="fold")
    for heading in ("Tests", "Mistakes", "Sabotage", "Variants", "Mutants"):
        table.add_column(heading, justify="right", no_wrap=True)
    for part in parts:
        table.add_row(
            Text(part.name),
            str(len(part.tests)),
            _share(part.caught, len(part.rows)),
            str(part.sabotages),
            str(part.variants),
            _share(part.killed, part.mutants),
        )
    return table


def _share(some: int, all_of_them: int) -> Text:
    return Text(f"{some} / {all_of_them}", style="" if some == all_of_them else "yellow")


def _findings(verification: Verification) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="red", no_wrap=True)
    table.add_column(overflow="fold")
    for finding in verification.findings:
        rule = f"rule {finding.rule}" if finding.rule else "form"
        table.add_row(Text(rule), Text(finding.text))
    return table
