"""Where a code response of another programme has its program: in a fence anywhere, or behind a function's header."""

from __future__ import annotations

import re

from acereason.verifiers.code.extract import MAX_PROGRAM_CHARS, last_block

FENCED = "fenced"  # a response: its program stands in a fence
CONTINUES = "continues"  # a raw completion: where it has no fence it goes on behind the header that it was given
PROGRAM = "program"  # a program that somebody else took out of a response
FORMS = (FENCED, CONTINUES, PROGRAM)

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\S*)[ \t]*$", re.MULTILINE)


def program_anywhere(text: str, header: str | None, form: str = FENCED) -> str | None:
    """The last fenced program of a response, thinking or not; without any fence what `form` says, or None.

    Blocks that are marked as Python come first; only where there is none, one without a mark is taken.
    """
    found = last_block(text)
    if found is None and "```" in text:
        found = _unmarked(text)
    elif found is None and form == CONTINUES and header is not None:
        found = f"{header}\n{text}"
    elif found is None and form == PROGRAM:
        found = text
    return found if found is not None and found.strip() and len(found) <= MAX_PROGRAM_CHARS else None


def _unmarked(text: str) -> str | None:
    """The last closed block whose fence names no language."""
    last, opening = None, None
    for fence in _FENCE.finditer(text):
        if opening is None:
            opening = fence
            continue
        if not opening[1] and not fence[1]:
            last = text[opening.end() + 1 : fence.start()]
        opening = None
    return last
