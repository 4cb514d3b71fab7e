"""Where a code response of another programme has its program: in a fence anywhere, or behind a function's header.

Fences may also stand in a docstring or a comment of a program. What is Python as a whole is the program as it is: it is
parsed, and never run here.
"""

from __future__ import annotations

import ast
import re
import warnings

from acereason.verifiers.code.extract import MAX_PROGRAM_CHARS, last_block

FENCED = "fenced"  # a response: its program stands in a fence
CONTINUES = "continues"  # a raw completion: it goes on behind the header that it was given, unless it has a fence
PROGRAM = "program"  # a program that somebody else took out of a response
FORMS = (FENCED, CONTINUES, PROGRAM)

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\S*)[ \t]*\r?$", re.MULTILINE)


def program_anywhere(text: str, header: str | None, form: str = FENCED) -> str | None:
    """What `form` says, where that is Python or there is no fence; else the last fenced program of a response, or None.

    Blocks that are marked as Python come first; only where there is none, one without a mark is taken. It does not
    matter where a response thinks.
    """
    whole = text if form == PROGRAM else None
    if form == CONTINUES and header is not None:
        whole = f"{header}\n{text}"
    if "```" not in text or (whole is not None and _is_python(whole)):
        found = whole
    else:
        found = last_block(text)
        found = _unmarked(text) if found is None else found
    return found if found is not None and found.strip() and len(found) <= MAX_PROGRAM_CHARS else None


def _is_python(text: str) -> bool:
    """Whether a text can be parsed. It comes from a model, so it may be anything."""
    if len(text) > MAX_PROGRAM_CHARS:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


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
