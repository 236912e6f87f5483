"""The kill matrix as Markdown: which test catches which mistake."""

from __future__ import annotations

from autograder.author.verification import PartProof, Verification

CAUGHT, MISSED = "●", "·"


def matrix_markdown(verification: Verification) -> str:
    """Write what was proved as Markdown: a table of the parts, then a grid for each.

    The same text for the same tree on every machine.
    """
    lines = [f"## {verification.assignment}: {verification.title}", ""]
    lines.append(summary_markdown(verification).rstrip("\n"))
    for part in verification.parts:
        lines += ["", *_grid(part)]
    return "\n".join(lines) + "\n"


def summary_markdown(verification: Verification) -> str:
    """Write the table of the parts alone."""
    lines = [
        "| Part | Tests | Mistakes caught | Sabotage at 0 | Variants | Mutants killed |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    parts = verification.parts
    for part in parts:
        lines.append(
            f"| {part.name} | {len(part.tests)} | {_share(part.caught, len(part.rows))} "
            f"| {part.sabotages} | {part.variants} | {_share(part.killed, part.mutants)} |"
        )
    lines.append(
        f"| **all** | {sum(len(part.tests) for part in parts)} "
        f"| {_share(sum(p.caught for p in parts), sum(len(p.rows) for p in parts))} "
        f"| {sum(part.sabotages for part in parts)} | {sum(part.variants for part in parts)} "
        f"| {_share(sum(p.killed for p in parts), sum(p.mutants for p in parts))} |"
    )
    return "\n".join(lines) + "\n"


def _share(some: int, all_of_them: int) -> str:
    return f"{some} of {all_of_them}"


def _grid(part: PartProof) -> list[str]:
    """Mistakes down, tests across; tests stand under numbers, named below."""
    numbers = range(1, len(part.tests) + 1)
    lines = [
        f"### {part.name}",
        "",
        f"| Mistake | {' | '.join(map(str, numbers))} |",
        f"|:--|{':-:|' * len(part.tests)}",
    ]
    for row in part.rows:
        cells = [
            "?" if row.failed is None else CAUGHT if test in row.failed else MISSED
            for test in part.tests
        ]
        lines.append(f"| {row.mistake} | {' | '.join(cells)} |")
    lines.append("")
    lines += [f"{number}. `{test}`" for number, test in zip(numbers, part.tests, strict=True)]
    return lines
