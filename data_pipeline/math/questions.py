"""What a statement asks for: how many questions, a choice among options, true or false, a proof."""

from __future__ import annotations

import re
from itertools import pairwise

from data_pipeline.math.text import Text, has_any

_ASK = (
    r"find|determine|compute|calculate|evaluate|solve|prove|show|what|how|which|who|why|is|are|does|do|can|"
    r"give|list|state|express|write|simplify|factor|sketch|draw|explain|describe|verify|construct|name|"
    r"investigate|hence|justify|deduce|estimate"
)
# Part markers: (a) a) a. (i) i) (1) 1) "Part A", with something after them that asks.
_PART = re.compile(
    r"(?:(?<=\s)|^)(?:\\item\s*)?(?:\*\*)?"
    r"(?:\(\s*(?P<round>[a-hA-H]|[ivx]{1,4}|\d)\s*\)|(?P<half>[a-h]|[ivx]{1,4}|\d)\s*\)|(?P<line>(?<=\n)[a-h1-9])\s*[.:]"
    r"|(?:[Pp]art|[Qq]uestion)\s+(?P<part>[a-dA-D]|[IVX]{1,3}|\d)\s*[:.)])(?:\*\*)?\s*(?P<word>[A-Za-z]*)",
)
_ITEM = re.compile(r"\\item\s*(?P<word>[A-Za-z]+)")
_ASKS = re.compile(rf"(?:{_ASK})\Z", re.IGNORECASE)
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8}

_OPTION = re.compile(
    r"(?:\\(?:text|textbf|mathbf|mathrm|textrm|bf|rm)\s*\{\s*|[\s$(\n]|\\qquad|\\quad|^)"
    r"\\?(?:left)?\(?\s*(?P<letter>[A-E])\s*(?:\\right)?(?:\)|\}\s*\)?|[.:](?=\s|\\|$)|\s*\\\))",
)
_CHOOSE = re.compile(
    r"\b(?:which|what)\s+(?:one\s+)?of\s+(?:the\s+)?(?:following|these)\b"
    r"|\b(?:choose|select|pick|tick|circle)\s+(?:all|the|one)\s+(?:\w+\s+){0,3}(?:correct|right|true)\b"
    r"|\bthe\s+(?:correct|right)\s+(?:option|choice|alternative|statement)s?\b"
    r"|\bnone of the above\b|\ball of the above\b",
    re.IGNORECASE,
)
_TRUE_FALSE = re.compile(
    r"\btrue\s+or\s+false\b(?!\s+(?:questions?|problems?|test|exam|quiz|section))|\bright or wrong\b"
    r"|\b(?:determine|decide|state|say|tell)\s+(?:whether|if)\s+(?:\w+\s+){0,6}(?:statements?|claims?|propositions?)\b"
    r"|\bis\s+(?:this|the)\s+(?:following\s+)?(?:statement|claim|proposition)\s+(?:\w+\s+){0,2}(?:true|false|correct)\b"
    r"|\banswer\s+(?:with\s+)?[\"'“]?yes[\"'”]?\s+or\b|\bwrite\s+[\"'“]?(?:yes|true)[\"'”]?\s+(?:or|if)\b"
    r"|(?:\A|[.?!;]\s+)is it (?:true|possible|correct)\b",
    re.IGNORECASE,
)
_TRUE_FALSE_STEMS = ("true", "right or wrong", "statement", "claim", "proposition", "yes", "is it")
_JUDGED = frozenset({"true", "false", "yes", "no", "correct", "incorrect", "right", "wrong"})
_CLAUSE = (
    r"(?:\A|[.,;:!?)\]]\s+|⟦(?:formula|drawing)⟧\s+|\n\s*|\b(?:then|and|also|hence|please|first|must|should|or)\s+)"
)
_PROVE = re.compile(
    rf"{_CLAUSE}(?:(?:dis)?prove|show|demonstrate|verify|justify)\b(?:\s*,?\s*(?:or\s+disprove|in\s+detail|carefully)\b)?\s*,?\s*"
    r"(?:\w+\s+){0,2}?(?:that|the\s+following|if|whether|algebraically|by\s+induction)\b"
    rf"|{_CLAUSE}(?:dis)?prove\b",
    re.IGNORECASE,
)
_PROVE_STEMS = ("prove", "show", "demonstrate", "verify", "justify", "proof")
_WANTS_PROOF = re.compile(
    r"\b(?:asked|need|want|wish|required)\s+to\s+(?:prove|disprove)\b|\b(?:give|provide|write)\s+a\s+(?:\w+\s+)?proof\b",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(
    r"(?:\A|(?<=[.,;:!?]\s)|(?<=\bthen\s)|(?<=\band\s)|(?<=⟦formula⟧\s\s))\s*(?:then\s+|also\s+|next\s+|hence\s+)?"
    r"(?:find|determine|compute|calculate|evaluate)\b",
    re.IGNORECASE,
)

_IMPERATIVES = ("find", "determine", "compute", "calculate", "evaluate")


def parts(text: Text) -> int:
    """Number of enumerated parts that ask something each: (a) Find ... (b) Show ...; 0 where there are none.

    The markers must count up from the first, and at least two of them must be followed by a word that asks, so that
    conditions numbered (i), (ii) and options (A) to (E) are no parts.
    """
    runs: dict[str, list[tuple[int, bool]]] = {}
    for match in _PART.finditer(text.prose):
        kind, marker = next((name, match[name]) for name in _KINDS if match[name])
        for family, place in _places(marker):
            runs.setdefault(f"{kind}{family}", []).append((place, bool(_ASKS.match(match["word"]))))
    best = 0
    for found in runs.values():
        length = asking = 0
        for place, asks in found:
            if place == length + 1:
                length, asking = place, asking + asks
        if length >= 2 and asking >= 2:
            best = max(best, length)
    items = [bool(_ASKS.match(match["word"])) for match in _ITEM.finditer(text.prose)]
    return max(best, sum(items)) if sum(items) >= 2 else best


_KINDS = ("round", "half", "line", "part")


def _places(marker: str) -> list[tuple[str, int]]:
    """What a marker may count as: `i` is the first of i, ii, iii and the ninth of a, b, c."""
    found = []
    low = marker.lower()
    if low in _ROMAN:
        found.append(("roman", _ROMAN[low]))
    if len(low) == 1 and low.isalpha():
        found.append(("upper" if marker.isupper() else "lower", ord(low) - ord("a") + 1))
    if low.isdigit():
        found.append(("digit", int(low)))
    return found


def asks(text: Text) -> int:
    """Number of sentences that ask: those with a question mark, and `Find ...` where it begins a clause."""
    count = 0
    for sentence in text.sentences:
        asked = sentence.rstrip("\"'”’) ").endswith("?")
        if asked or (has_any(sentence.lower(), _IMPERATIVES) and _IMPERATIVE.search(sentence)):
            count += 1
    return count


def options(text: Text) -> int:
    """Number of options lettered from A without a gap, at least three; 0 where there are fewer."""
    places: dict[str, int] = {}
    expected = "A"
    for match in _OPTION.finditer(text.bare):
        if match["letter"] == expected:
            places[expected] = match.start()
            expected = chr(ord(expected) + 1)
    near = all(after - before < 400 for before, after in pairwise(places.values()))
    return len(places) if len(places) >= 3 and near else 0


def chooses(text: Text) -> bool:
    """Whether the statement asks for a choice in words: `which of the following`, `none of these`."""
    return bool(_CHOOSE.search(text.prose))


def judges(text: Text, answer: str | None) -> bool:
    """Whether true or false, yes or no is asked for, by the words of the statement or by its answer."""
    bare = re.sub(r"\\(?:text|textbf|mathrm)\s*\{([^{}]*)\}", r"\1", answer or "").strip(" .$").lower()
    said = has_any(text.low, _TRUE_FALSE_STEMS) and _TRUE_FALSE.search(text.prose)
    return bool(said) or bare in _JUDGED


def proves(text: Text) -> bool:
    """Whether a proof is asked for. `It can be shown that` and `to prove this he` ask for none."""
    if not has_any(text.low, _PROVE_STEMS):
        return False
    return bool(_PROVE.search(text.prose) or _WANTS_PROOF.search(text.prose))
