"""The forms in which a page of text is written: Markdown for a file, plain lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acereason.tracking.markup import visible
from eval import markdown

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


@dataclass(frozen=True)
class Form:
    """How names, tables, headings (of a level) and what stands out are written. Cells of a table are plain text."""

    cell: Callable[[object], str]
    table: Table
    heading: Callable[[int, str], str]
    strong: Callable[[str], str]


def _line(text: object) -> str:
    return " ".join(visible(str(text)).split())


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in columns as wide as their longest cell."""
    if not rows:
        return "(none)"
    lines = [list(map(_line, line)) for line in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    left = markdown.text_columns(head, rows)
    made = []
    for line in lines:
        cells = (
            text.ljust(width) if is_text else text.rjust(width)
            for text, width, is_text in zip(line, widths, left, strict=True)
        )
        made.append("  ".join(cells).rstrip())
    return "\n".join(made)


def _underlined(level: int, text: str) -> str:
    line = _line(text)
    return f"{line}\n{('=' if level == 1 else '-') * len(line)}"


def _hashes(level: int, text: str) -> str:
    return f"{'#' * level} {markdown.cell(text)}"


MARKDOWN = Form(markdown.cell, markdown.table, _hashes, lambda text: f"**{text}**")
PLAIN = Form(_line, _columns, _underlined, lambda text: text)
