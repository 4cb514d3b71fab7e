"""The program of a code response: the last ```python block after the last `</think>`."""

from __future__ import annotations

import re

from acereason.verifiers.thinking import after_thinking

MAX_PROGRAM_CHARS = 200_000

_OPENING = re.compile(r"```[ \t]*(?:python3?|py)[ \t]*\r?\n", re.IGNORECASE)
_CLOSING_LINE = re.compile(r"^[ \t]*```", re.MULTILINE)


def extract_program(text: str, bare: bool = False) -> str | None:
    """The program in `text`, or None: no end of thinking, no closed block, an empty or an overlong program.

    A block closes at the first line that starts with a fence (so a fence inside a string does not end it), or
    where there is no such line, at the first fence. With `bare` the whole text is the program.
    """
    program: str | None = text
    if not bare:
        part = after_thinking(text)
        program = None if part is None else last_block(part)
    if program is None or not program.strip() or len(program) > MAX_PROGRAM_CHARS:
        return None
    return program


def last_block(part: str) -> str | None:
    """The content of the last closed ```python block of a text; None where there is none."""
    last, position = None, 0
    no_more_lines = False  # asked once: searching to the end again for every block would be quadratic
    while opening := _OPENING.search(part, position):
        closing = None if no_more_lines else _CLOSING_LINE.search(part, opening.end())
        no_more_lines = closing is None
        stop = closing.start() if closing else part.find("```", opening.end())
        if stop < 0:
            break
        last = part[opening.end() : stop]
        position = closing.end() if closing else stop + 3
    return last
