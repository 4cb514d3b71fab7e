r"""The cheap tiers: equal text after normalisation, and exact rational numbers. No model text is evaluated.

`compare_exact` answers True or False only where text or arithmetic decides; anything else is None, and
belongs to the symbolic tier. Numbers are compared as exact fractions: 0.333 is not 1/3.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

MAX_EXPONENT = 2000  # of a power of ten; larger ones are left to the symbolic tier

_SPACES = re.compile(r"\\[,;:! ]|\\q?quad(?![a-zA-Z])|[~\s]+")
_SIZING = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|textstyle|limits)(?![a-zA-Z])\s*")
_FRACTION_STYLE = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_WHOLE_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}")
_SPACE_BETWEEN = re.compile(r"(?<![A-Za-z0-9.]) | (?![A-Za-z0-9.])")
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅙": "1/6", "⅛": "1/8"}

_SIGN = r"([+-]?)"
_DIGITS = r"(\d+(?:\.\d*)?|\.\d+)"
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_DECIMAL = re.compile(_SIGN + _DIGITS)
_SCIENTIFIC = re.compile(_SIGN + _DIGITS + r"(?:[eE]|(?:\\times|\\cdot|\*)10\^)(?:\{([+-]?\d+)\}|([+-]?\d+))")
_POWER_OF_TEN = re.compile(_SIGN + r"10\^(?:\{([+-]?\d+)\}|(\d))")
_SLASH = re.compile(_SIGN + r"(\d+)/(\d+)")
_LATEX_FRACTION = re.compile(_SIGN + r"(?:(\d+)[ +]?)?\\frac(?:\{([+-]?\d+)\}|(\d)|(?: (\d)))(?:\{(\d+)\}|(\d))(?!\d)")
_MIXED = re.compile(_SIGN + r"(\d+) (\d+)/(\d+)")
_CHOICE = re.compile(r"\(?([A-Z])\)?\.?")


def normalise(answer: str) -> str:
    """`answer` with the marks that carry no meaning taken away; equal results mean equal answers."""
    for symbol, fraction in _VULGAR.items():
        if symbol in answer:
            answer = answer.replace(symbol, f" {fraction}")
    text = unicodedata.normalize("NFKC", answer)
    text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    text = text.replace("−", "-").replace("–", "-").replace("π", r"\pi ").replace("∞", r"\infty ")
    text = text.replace("$", "").replace("{,}", ",").replace(r"\%", "%").replace(r"\cdotp", r"\cdot")
    text = _SIZING.sub("", text)
    text = _FRACTION_STYLE.sub(r"\\frac", text)
    text = re.sub(r"(?<=\d)\\[,!](?=\d{3}(?!\d))", "", text)  # a thin space between groups of three digits
    text = _SPACES.sub(" ", text).strip()
    whole = _WHOLE_TEXT.fullmatch(text)
    if whole:
        text = whole.group(1).strip()
    text = _SPACE_BETWEEN.sub("", text)
    while text.endswith((".", ",", ";")):
        text = text[:-1].rstrip()
    return text


def to_rational(text: str) -> Fraction | None:
    """The exact value of a normalised number: decimal, fraction, mixed number, power-of-ten notation, percent."""
    if text.endswith("%"):
        value = to_rational(text[:-1].strip())
        return None if value is None else value / 100
    if len(text) > 1 and text[0] == "{" and text[-1] == "}":
        text = text[1:-1]
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    try:
        return _plain(text)
    except (ZeroDivisionError, ValueError):  # no value, or more digits than the interpreter converts
        return None


def _plain(text: str) -> Fraction | None:
    if match := _DECIMAL.fullmatch(text):
        return Fraction(match.group(1) + match.group(2))
    if match := _SLASH.fullmatch(text):
        return _signed(match.group(1), Fraction(int(match.group(2)), int(match.group(3))))
    if match := _MIXED.fullmatch(text):
        return _signed(match.group(1), int(match.group(2)) + Fraction(int(match.group(3)), int(match.group(4))))
    if match := _LATEX_FRACTION.fullmatch(text):
        sign, whole, *parts = match.groups()
        top, bottom = (int(part) for part in parts if part is not None)
        if whole is not None and top < 0:
            return None
        return _signed(sign, int(whole or 0) + Fraction(top, bottom))
    if match := _SCIENTIFIC.fullmatch(text):
        exponent = int(match.group(3) or match.group(4))
        if abs(exponent) <= MAX_EXPONENT:
            return _signed(match.group(1), Fraction(match.group(2)) * Fraction(10) ** exponent)
    if match := _POWER_OF_TEN.fullmatch(text):
        exponent = int(match.group(2) or match.group(3))
        if abs(exponent) <= MAX_EXPONENT:
            return _signed(match.group(1), Fraction(10) ** exponent)
    return None


def _signed(sign: str, value: Fraction) -> Fraction:
    return -value if sign == "-" else value


def _long_decimal(*texts: str) -> bool:
    """Whether one of them is a decimal of so many digits that it may stand for a fraction; rounding is not exact."""
    return any("." in text and sum(c.isdigit() for c in text) >= 12 for text in texts)


def compare_exact(gold: str, answer: str) -> bool | None:
    """Whether `answer` equals `gold` as text or as an exact number; None where neither decides."""
    left, right = normalise(gold), normalise(answer)
    if not right:
        return False
    if left == right:
        return True
    if left.isalpha() and right.isalpha() and min(len(left), len(right)) >= 2 and left.casefold() == right.casefold():
        return True
    left_value = to_rational(left)
    if left_value is not None:
        right_value = to_rational(right)
        if right_value is not None:
            if left_value == right_value:
                return True
            if left.endswith("%") == right.endswith("%") and not _long_decimal(left, right):
                return False
        if "=" in right and any(side not in (None, left_value) for side in map(to_rational, right.split("="))):
            return False  # 13=12 for 12: a chain may not name another number on its way
    if len(left) == 1 and left.isupper():
        choice = _CHOICE.fullmatch(right)
        if choice:
            return choice.group(1) == left
    return None
