"""Pictures of a statement: which only illustrate, and which the text cannot do without, whether they came or were lost.

Most pictures of contest problems show an example of what the text defines. One is needed where it stands inside a
sentence (formulas of older sets are pictures), or where the text points at it, or at a figure that did not come along,
and does not call it an example.
"""

from __future__ import annotations

import re

IMAGE = re.compile(
    r"!\[[^\]]*\]\([^)]*\)|<image>|<img\b[^>]*>?|\\includegraphics(?:\[[^\]]*\])?(?:\{[^}]*\})?|\bCDN_BASE_URL/\S*"
    r"|https?://\S+\.(?:png|jpe?g|gif|svg)\b",
    re.I,
)
_FIGURE = r"(?:figure|picture|image|diagram|drawing|illustration)s?\b"
_LEANS = re.compile(
    r"\b(?:as (?:shown|depicted|illustrated|seen|in)|see|shown|depicted|illustrated|following|in)\s+"
    rf"(?:in\s+|by\s+|on\s+)?(?:the\s+|this\s+)?{_FIGURE}"
    r"|\bthe (?:figure|picture|image|diagram|drawing)s? (?:below|above|shows?|illustrates?)",
    re.I,
)
# Where no picture came with the text, "the image below" may be a variable or a story: more has to be said of it.
_LOST = re.compile(
    r"\b(?:shown|depicted|illustrated|represented|indicated|given|described|seen)\s+(?:in|by|on)\s+(?:the|this)\s+"
    rf"(?:(?:below|above|following|attached|\w+)\s+)?{_FIGURE}(?!\[|\s+(?:array|matrix))"
    r"|\b(?:pad|layout|board|keyboard|keypad|map|dial|shape)s? as (?:shown|depicted|illustrated) (?:above|below)\b"
    r"(?!:)",
    re.I,
)
_EXAMPLE = re.compile(
    r"\bexamples?\b|\bfor instance\b|\be\.g\.|\bvalid and invalid\b|\billustrates? the case\b|\billustrations?\b", re.I
)
_CAPTION = re.compile(
    r"^\W*(?:(?:an?|some|one|several)\s+)?(?:(?:possible|sample|valid)\s+)?(?:examples?|illustrations?)\b"
    rf"|\bin this example\b|\bin (?:this|the) {_FIGURE}[^.\n]* satisf",
    re.I,
)
# What a line of pictures may hold beside them: the marks of a table, and a caption.
_ON_ITS_OWN = re.compile(r"[\s|:\-]*\0[\s|:\-\0]*(?:[A-Z][^\0]*)?")


def needed(body: str) -> bool:
    """Whether the text before the examples cannot do without a picture."""
    return _one_is_needed(body) or _is_pointed_at(body)


def _one_is_needed(body: str) -> bool:
    """Whether a picture in the text is a part of a sentence, or of what a sentence announces."""
    shown_until = None  # the end of the last picture that shows an example
    for found in IMAGE.finditer(body):
        line = body[body.rfind("\n", 0, found.start()) + 1 : (body + "\n").index("\n", found.end())]
        before = body[: found.start()].rstrip(" \t\n|:-") if shown_until is None else body[: found.start()]
        lead = _last_sentence(IMAGE.sub(" ", before))
        after = IMAGE.sub(" ", body[found.end() :]).lstrip("\n |:-\t")
        again = shown_until is not None and len(body[shown_until : found.start()].strip().split("\n\n")) == 1
        if again or _EXAMPLE.search(lead) or _CAPTION.search(after.partition("\n")[0][:200]):
            shown_until = found.end()
            continue
        inside = not _ON_ITS_OWN.fullmatch(IMAGE.sub("\0", line))
        if inside or body[: found.start()].rstrip().endswith(":") or _LEANS.search(lead):
            return True
    return False


def _is_pointed_at(body: str) -> bool:
    """Whether a sentence points at a figure, which may have been lost, and does not call it an example."""
    pointing = _LEANS if IMAGE.search(body) else _LOST
    text = IMAGE.sub(" ", body)
    for found in pointing.finditer(text):
        start = max(text.rfind(". ", 0, found.start()), text.rfind("\n", 0, found.start())) + 1
        sentence = re.match(r"[^\n]*?(?:[.:?!](?=\s)|$)", text[start:], re.M)
        said = sentence[0] if sentence else text[start:]
        if not _EXAMPLE.search(said) and not _CAPTION.search(said):
            return True
    return False


def _last_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+|\n\s*\n", text.rstrip())[-1]
