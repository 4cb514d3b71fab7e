r"""The answer of a math response: the last balanced `\boxed{}` or `\fbox{}`, found in linear time."""

from __future__ import annotations

import re

from acereason.verifiers.thinking import after_thinking

MAX_ANSWER_CHARS = 1000

# A box opening, an escaped character (its brace does not count), or a plain brace.
_TOKEN = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)


def last_box(text: str) -> str | None:
    """The content of the box that closes last, nested boxes unwrapped; None without a balanced box."""
    stack: list[tuple[bool, int]] = []  # (is a box, where its content starts)
    found: tuple[int, int] | None = None
    for token in _TOKEN.finditer(text):
        symbol = token.group()
        if symbol == "{" or (symbol.endswith("{") and len(symbol) > 2):
            stack.append((symbol != "{", token.end()))
        elif symbol == "}" and stack:
            is_box, start = stack.pop()
            if is_box:  # an outer box closes after the boxes inside it, so the last one to close is the outermost
                found = (start, token.start())
    return None if found is None else unwrap_boxes(text[found[0] : found[1]])


def unwrap_boxes(content: str) -> str:
    r"""`content` with every balanced `\boxed{x}` in it replaced by `x`."""
    pieces: list[str] = []
    stack: list[bool] = []
    position = 0
    for token in _TOKEN.finditer(content):
        symbol = token.group()
        is_box = len(symbol) > 2
        pieces.append(content[position : token.start()])
        position = token.end()
        closes_box = symbol == "}" and bool(stack) and stack.pop()
        if symbol == "{" or is_box:
            stack.append(is_box)
        if not is_box and not closes_box:
            pieces.append(symbol)
    return "".join(pieces) + content[position:]


def extract_answer(text: str, bare: bool = False) -> str | None:
    """The answer in `text`, or None where there is none: no end of thinking, no box, an empty or an overlong one.

    With `bare` the whole text is the answer, and a box around it is unwrapped if there is one.
    """
    part = text if bare else after_thinking(text)
    if part is None:
        return None
    answer = last_box(part)
    if answer is None and bare:
        answer = part
    if answer is None:
        return None
    answer = answer.strip().strip("\x00").strip()
    return answer if 0 < len(answer) <= MAX_ANSWER_CHARS else None
