"""What a statement leans on or carries along: figures, links, labels in front, a solution that gives it away."""

from __future__ import annotations

import re

from data_pipeline.math.text import LONGEST, Text, has_any

_IMAGE = re.compile(
    r"!\[[^\]]*\]|<\s*(?:img|svg|figure)\b|\\includegraphics|\[img\]|\[attachment|\.(?:png|jpe?g|gif|svg)\b",
    re.IGNORECASE,
)
_NOUN = (
    r"(?:figures?|diagrams?|pictures?|drawings?|images?|illustrations?|sketch(?:es)?"
    r"|graphs?(?!\s+paper)|charts?|grids?)"
)
_SHOWS = r"(?:figures?|diagrams?|picture|drawing|image|illustration|sketch)"  # and nothing that stories are told of
_SIDE = r"(?:right|left)"
_FIGURE = re.compile(
    rf"\b(?:shown|illustrated|depicted|pictured|drawn|seen|sketched|displayed|indicated)\s+"
    rf"(?:\w+\s+)?(?:in|on|by|at|to)?\s*(?:the\s+)?(?:\w+\s+)?(?:{_NOUN}|below|above|here|{_SIDE}(?=[.,;]))\b"
    rf"|\b(?:in|see|from|on|refer(?:ring)? to|consider|given|using|observe|look at)\s+(?:the|this|our|these)\s+"
    rf"(?:\w+\s+){{0,2}}{_SHOWS}(?=\s*(?:below|above|shown|at|on the {_SIDE}|to the|,|\.|:|\?|$|we|there|is|are))"
    rf"|\b(?:below|above|following|accompanying|adjacent|adjoining|attached)\s+{_NOUN}\b"
    rf"|\b{_NOUN}\s+(?:below|above|shown|depicts|illustrates|at (?:the )?{_SIDE}|(?:to|on) the {_SIDE})\b"
    rf"|\bthe\s+(?:{_NOUN})\s+(?:shows?|indicates?|depicts?|gives?|is not drawn|not (?:drawn )?to scale)\b"
    r"|\b(?:shaded|unshaded|dashed|dotted|colou?red)\s+(?:region|area|part|portion)s?\s+(?:shown|below|pictured)\b"
    r"|\bas (?:shown|pictured|illustrated|depicted|indicated)(?=\s*[,.;:)])"
    r"|\bpictured\b|\bnot (?:drawn )?to scale\b|\bfig(?:ure|\.)\s*\d",
    re.IGNORECASE,
)
_FIGURE_STEMS = (
    "fig", "diagram", "pictur", "drawing", "image", "illustrat", "sketch", "graph", "chart", "grid", "shown",
    "depicted", "drawn", "seen", "displayed", "indicated", "below", "to scale",
)  # fmt: skip
_NOT_FIGURES = re.compile(
    r"\b(?:significant|digit|decimal|number of|two|three|four|five|six|seven|several)[- ]figures?\b", re.IGNORECASE
)
_DATA = re.compile(r"\\begin\{(?:tabular|array)\}|^\s*\|.*\|\s*$", re.MULTILINE)

_LABEL = re.compile(
    r"\A\s*(?:[*#_>\s\[(]|\\(?:textbf|textit|section\*?|paragraph|noindent|item)\{?)*"
    r"(?:(?:(?:problem|exercise|question|example|task|puzzle|test|q|pb|prob|ex|№|no|item)\s*[.:#]?\s*(?:no\.?\s*)?"
    r"(?:[A-Z]?\d+(?:[.\-–]\d+)*[a-z]?|[IVX]+)(?:\s*\([^()\n]{0,60}\))?\s*(?:[*_\])}]*\s*[.:)\-–]|[*_\])}]+|\n))"
    r"|\d{1,3}(?:\.\d{1,3})*\s*[.)](?=\s)(?!\s*\d)|[A-Z]\d{1,2}\s*[.:)]\s"
    r"|[\[(]\s*(?:\d{1,3}\s*(?:points?|marks?|pts?\.?)|(?:19|20)\d\d[^()\[\]\n]{0,40}|[A-Z]{3,6}\s+(?:19|20)\d\d[^()\[\]\n]{0,40})\s*[\])])"
    r"[\s*_:}.]*",
    re.IGNORECASE,
)
_POINTS = re.compile(r"\s*[\[(]\s*\d{1,3}\s*(?:points?|marks?|pts?\.?)\s*[\])]\s*", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+|www\.\S+")
_CREDIT = re.compile(r"(?:\s*~\s?\w+)+\s*\Z")  # names of contributors of a wiki
_SOLUTION = re.compile(
    r"(?:\A|\n|(?<=[.?!$]\s))[*#_\s]*(?:\\textbf\{)?\s*"
    r"(?:solution|answer|proof|hint|explanation|solución|lösung|ans)\s*\d*\s*[*_}]*\s*[:.\n]",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"\b(?:so|thus|therefore|hence)\s*,?\s+(?:the\s+)?(?:final\s+)?answer\s+is\b|\\boxed\s*\{\s*[^\s}]"
    r"|\bthe\s+(?:final|correct)\s+answer\s+is\s+(?!an?\b|of\b)",
    re.IGNORECASE,
)


def figure(text: Text) -> str:
    """`image` (a picture that is no text), `drawing` (its source is in the statement), `missing` (referred to, and not
    there), or "" where there is none. A table that is there counts as what `shown below` refers to.
    """
    if _IMAGE.search(text.statement):
        return "image"
    if text.drawings:
        return "drawing"
    if not has_any(text.low, _FIGURE_STEMS):
        return ""
    prose = _NOT_FIGURES.sub(" ", text.prose) if "figure" in text.low else text.prose
    return "missing" if _FIGURE.search(prose) and not _DATA.search(text.statement) else ""


def label(statement: str) -> str:
    """What stands in front of the problem proper: `Problem 4.1:`, `3.`, `(5 points)`; "" where nothing does."""
    match = _LABEL.match(statement[:LONGEST])
    return match[0].strip() if match else ""


def cleaned(statement: str) -> str:
    """`statement` without labels in front, points, links and signatures; equal to it where nothing is to clean."""
    text = statement[:LONGEST]
    if text != statement:
        return statement
    for _ in range(3):  # [2014] Problem 3. (5 points)
        match = _LABEL.match(text)
        if match is None or not text[match.end() :].strip():
            break
        text = text[match.end() :]
    text = _POINTS.sub(" ", text) if _POINTS.search(text) else text
    text = _LINK.sub("", text)
    text = _CREDIT.sub("", text) if "~" in text else text
    return text if text == statement else text.strip()


def gives_away(text: Text, answer: str | None) -> bool:
    """Whether the solution stands in the statement: under a heading, announced, boxed, or as `Answer: <answer>`."""
    head = _SOLUTION.search(text.statement, min(len(text.statement), 20))
    if head is not None and text.statement[head.end() :].strip():
        return True
    if has_any(text.statement.lower(), ("answer", "\\boxed")) and _ANNOUNCED.search(text.statement):
        return True
    bare = (answer or "").strip()
    return len(bare) >= 2 and text.statement.rstrip(" .$").endswith((f"= {bare} is the answer", f"Answer: {bare}"))
