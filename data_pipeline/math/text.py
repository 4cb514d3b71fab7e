"""A statement taken apart: prose, formulas, drawings and sentences. Every scan is linear in the statement's length."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMULA = " ⟦formula⟧ "  # what stands in the prose where a formula was
DRAWING = " ⟦drawing⟧ "
LONGEST = 20_000  # characters that are read of a statement; what is longer is too long for any prompt
MARKS = ("⟦formula⟧", "⟦drawing⟧")

_DRAWING = re.compile(
    r"\[asy\].*?(?:\[/asy\]|\Z)"
    r"|\\begin\{(?:asy|tikzpicture|pspicture|picture)\}.*?(?:\\end\{(?:asy|tikzpicture|pspicture|picture)\}|\Z)"
    r"|```(?:asy|tikz).*?(?:```|\Z)",
    re.DOTALL,
)
_DISPLAY = re.compile(
    r"\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\begin\{(align|equation|gather|multline|eqnarray|cases|array)\*?\}.*?\\end\{\1\*?\}",
    re.DOTALL,
)
_DOLLAR = re.compile(r"(?<!\\)\$")
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]?[a-z]{2,}(?![A-Za-z])")  # no names of points, no commands
_NAMES = frozenset("sin cos tan cot sec csc log exp max min mod gcd lcm det deg dim lim arg".split())
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|emph|mbox|underline)\s*\{([^{}]*)\}")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z]{2,}|\d+|[^\W\d_]|[-+*/^=<>!|]")
_SENTENCE = re.compile(r"(?<=[.?!:;])[\"'”’)\]]*\s+|\n\s*\n|\n(?=\s*(?:[-*•]|\(?[a-zA-Z0-9]{1,3}[).]))")


@dataclass(frozen=True)
class Text:
    """Parts of a statement.

    `prose` has a mark in the place of each formula and drawing; `words` are the prose's, lower case; `sentences` are
    the prose's; `tokens` counts words, numbers, commands and operators of prose and formulas together.
    """

    statement: str
    bare: str  # without drawings
    prose: str
    formulas: tuple[str, ...]
    drawings: int
    low: str  # prose, lower case: what cannot match is passed over by the letters that it needs
    words: tuple[str, ...]
    sentences: tuple[str, ...]
    tokens: int


def read(statement: str) -> Text:
    """The first `LONGEST` characters of `statement` taken apart; never raises, whatever it holds."""
    statement = statement[:LONGEST]
    drawings = 0
    formulas: list[str] = []

    def drawn(_: re.Match[str]) -> str:
        nonlocal drawings
        drawings += 1
        return DRAWING

    def formula(match: re.Match[str]) -> str:
        formulas.append(match[0])
        return FORMULA

    bare = _DRAWING.sub(drawn, statement)
    prose = _without_inline(_DISPLAY.sub(formula, bare), formulas)
    prose = _TEXT_COMMAND.sub(r"\1", prose)
    plain = prose
    for mark in MARKS:
        plain = plain.replace(mark, " ")
    words = tuple(word.lower() for word in _WORD.findall(plain))
    sentences = tuple(part.strip() for part in _SENTENCE.split(prose) if part and part.strip())
    tokens = len(_TOKEN.findall(bare))
    return Text(statement, bare, prose, tuple(formulas), drawings, prose.lower(), words, sentences, tokens)


def has_any(low: str, stems: tuple[str, ...]) -> bool:
    """Whether one of the stems stands in a text of small letters; a great deal quicker than a pattern."""
    return any(stem in low for stem in stems)


def _without_inline(text: str, formulas: list[str]) -> str:
    """`text` with a mark for each `$...$`, which are added to `formulas`; the dollars of prices stay."""
    parts: list[str] = []
    done = 0
    places = [match.start() for match in _DOLLAR.finditer(text)]
    index = 0
    while index + 1 < len(places):
        start, end = places[index], places[index + 1]
        inside = text[start + 1 : end]
        if _is_formula(inside):
            parts += [text[done:start], FORMULA]
            formulas.append(text[start : end + 1])
            done = end + 1
            index += 2
        else:
            index += 1
    return "".join([*parts, text[done:]])


def _is_formula(inside: str) -> bool:
    """Whether what stands between two dollars is a formula: `$200 < n^2$` is one, `$15 an hour and $` is not."""
    bare = _TEXT_COMMAND.sub("", inside)
    words = sum(word.lower() not in _NAMES for word in _PLAIN_WORD.findall(bare))
    a_price = inside[:1].isdigit() or inside[:1] == "."
    return bool(inside.strip()) and words < (1 if a_price else 4)
