"""What a programming task says in words: without its signature, its examples and its tests.

Whoever takes a task over writes another header and other examples. Then most of the tokens that the task has in its
benchmark are gone, and what is left of it, its words, is too small a share of all to be noticed. So the words are an
item of their own, beside the whole.
"""

from __future__ import annotations

import re

_DOCSTRING = re.compile(r'("""|\'\'\')(.*?)\1', re.S)
_FUNCTION = re.compile(r"^\s*def\s+(\w+)\s*\(", re.M)
_FENCE = re.compile(r"^```.*?^```[^\n]*$", re.M | re.S)
# From here on there are examples and tests. "For example, 3 is odd." in a sentence is none of these.
_EXAMPLES = re.compile(
    r"^\W*(?:(?:for|some|here are some) )?(?:examples?|e\.g\.?|sample (?:input|output|test)s?)(?:\s*\d+)?\s*(?:[:.]|$)"
    r"|^\W*\[input/output\] samples"
    r"|^\W*(?:note|explanation|constraints?)\s*(?::|$)"
    r"|^\W*your code should (?:pass|satisfy) th(?:is|ese) tests?\b",
    re.I | re.M,
)
_CODE_LINE = re.compile(r"^\s*(?:assert\b|@\w|(?:from [\w.]+ )?import \w|def \w+\(|class \w+[(:])|➞|==>|=>")


def prose_of(text: str) -> str:
    """The sentences of a task; an empty text where it has none. Of Python code those of its docstrings."""
    names = _FUNCTION.findall(text)
    parts = [found[2] for found in _DOCSTRING.finditer(text)] if names else []
    calls = re.compile(rf"\b(?:{'|'.join(names)})\s*\(") if names else None
    kept: list[str] = []
    for part in parts or [_FENCE.sub("\n", text)]:
        first = _EXAMPLES.search(part)
        session = False  # of an interpreter: a prompt, and what it answers, up to an empty line
        for line in (part[: first.start()] if first else part).splitlines():
            session = line.lstrip().startswith(">>>") or (session and bool(line.strip()))
            if not session and not _CODE_LINE.search(line) and not (calls and calls.search(line)):
                kept.append(line)
    return "\n".join(kept).strip()
