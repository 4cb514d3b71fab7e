"""The nearest name to a misspelt one, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LISTED = 12  # longer lists of names are not printed


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" where a name is close, else the names themselves, else nothing."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    if names and len(names) <= LISTED:
        return f"; known: {', '.join(names)}"
    return ""
