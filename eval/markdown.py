"""Markdown tables and figures in points; text that a model or a file wrote stands in them as text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from acereason.tracking.markup import visible

_SPECIAL = re.compile(r"([\\`*_\[\]|#~!$])")
# Not every renderer takes a backslash before these, and then a tag or an entity would be obeyed.
_TAGS = {"<": "&lt;", ">": "&gt;"}
_ENTITY = re.compile(r"&(?=#?\w+;)")
_WORDS = re.compile(r"\b(?:unknown|varies|to|of)\b|\([a-z]\)")  # that stand in columns of figures, and footnote signs
_LETTER = re.compile(r"[^\W\d_]")


def cell(text: object) -> str:
    """`text` on one line, without effect as Markdown or HTML."""
    line = _ENTITY.sub("&amp;", _SPECIAL.sub(r"\\\1", " ".join(visible(str(text)).split())))
    return "".join(_TAGS.get(character, character) for character in line)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns of figures are aligned to the right. Cells are made safe here."""
    if not rows:
        return "(none)"
    marks = ["---" if text else "---:" for text in text_columns(head, rows)]
    lines = [list(map(cell, head)), marks, *(list(map(cell, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def text_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns are text: the first, and those that hold anything but figures."""
    return [index == 0 or any(_is_text(row[index]) for row in rows) for index in range(len(head))]


def _is_text(text: str) -> bool:
    return _LETTER.search(_WORDS.sub("", text)) is not None


def points(share: float) -> str:
    """A share of 1 in per cent with two digits, or `unknown`."""
    return "unknown" if share != share else f"{100 * share:.2f}"


def signed(share: float) -> str:
    """A difference of shares in per cent points, with its sign."""
    return "unknown" if share != share else f"{100 * share:+.2f}"


def count(value: float) -> str:
    """A number of tokens, or `unknown`."""
    return "unknown" if value != value else f"{value:,.0f}"


def tenths(difference: float) -> str:
    """A difference that is in points already, to the digit that the paper prints."""
    return "unknown" if difference != difference else f"{difference:+.1f}"


def span(low: float, high: float) -> str:
    """The ends of an interval that is in points already."""
    return "unknown" if low != low else f"{tenths(low)} to {tenths(high)}"
