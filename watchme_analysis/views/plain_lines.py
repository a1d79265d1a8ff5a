"""Lines of plain text for terminals: aligned, cut short."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int]) -> str:
    """Return aligned lines, the header first: columns of words to the left, the others to the right."""
    # Not by tabulate, whose headers take two columns more than they need.
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        cells = zip(row, widths, strict=True)
        padded = (
            cell.ljust(width) if at in words else cell.rjust(width) for at, (cell, width) in enumerate(cells)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def cut(text: str, width: int) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= width else text[: width - 1] + "…"


def squeezed(text: str, width: int) -> str:
    """Return a text without its middle: paths that begin alike differ at their ends."""
    begin = (width - 1) // 2
    return text if len(text) <= width else f"{text[:begin]}…{text[begin + 1 - width :]}"
