"""Names of the statement for the lines of an input text.

The section on input mentions them in the order of the text: "two integers $n$ and $m$", then "integers $a_1, ...$".
A name brings the limits that the statement sets for it, so a wrong one does harm: where the section does not mention
exactly as many groups of names as there are lines, none is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data_pipeline.code.constraints import plain

_SECTION = re.compile(
    r"^\s*-*\s*Input(?: Format)?\s*:?\s*-*\s*$(.*?)(?=^\s*-*\s*(?:Output|Example|Sample)|\Z)", re.M | re.S | re.I
)
_MATH = "\x01"  # stands where a `$` stood: what follows or precedes it is no word
_A_NAME = rf"{_MATH}?(?:[A-Za-z]\w{{0,12}}(?:_\{{?\w+\}}?)?|\.\.\.){_MATH}?"
_AND = r"\s*(?:,\s*and\b|,|\band\b)\s*"
_NAMED = re.compile(
    r"(?:integers?|numbers?|strings?|values?|elements?|characters?|words?|array|sequence)[,:]?\s+"
    rf"({_A_NAME}(?:{_AND}{_A_NAME})*)(?![\w'])"
)
_WORDS = {
    "are", "is", "in", "of", "on", "the", "that", "and", "from", "separated", "where", "which", "with", "denoting",
    "representing", "a", "an", "to", "not", "for", "describing", "will", "have", "has", "must", "can", "as", "by", "or",
    "at", "over", "such", "does", "do",
}  # fmt: skip
_LONG_WORD = re.compile(r"[a-z]{4,}")  # "strings consisting of": no name, but where it stands in `$...$`
# What a sentence says of the number that tells how often the rest is repeated.
_COUNT = re.compile(
    r"\b(?:the )?(?:number|amount|count) of (?:the )?(?:(?:independent|multiple|input) )?"
    r"(?:test ?-?cases|tests|cases|data ?sets|test data|queries|testcases)\b",
    re.I,
)
_COUNT_NAMES = {"t", "T", "tc", "TC", "q", "Q", "tt", "tests"}
_NOT_OF_A_LINE = re.compile(r"\bsums? of\b|\bguarantee", re.I)
_EXPLAINS = re.compile(r"—|–|\s--?-?\s")  # what follows says what the names before it are


@dataclass(frozen=True)
class Named:
    """One name for each argument, `_1`, `_2`, ... where the statement has none; `columns`: the names in rows; `count`:
    the name of the number of repetitions."""

    arguments: tuple[str, ...]
    columns: dict[str, list[str]]
    count: str | None = None


@dataclass(frozen=True)
class _Mention:
    names: list[str]  # as they are written, `a_i` included
    sentence: str


def name_lines(lines: Sequence[tuple[str, int]], repeated: bool, statement: str) -> Named:
    """Names for lines of `(what, width)`: `scalars` with a name each, a `list`, or `rows` with a name for each column.

    `repeated`: a count of repetitions stands before the lines, which may be mentioned too.
    """
    mentions = _mentions(statement)
    count = _count_in_passing(statement) if repeated else None
    if repeated and mentions and (_is_count(mentions[0]) or _counts_lines(mentions, lines)):
        count, mentions = mentions[0].names[0], mentions[1:]
    known = len(mentions) == len(lines)
    found: list[str] = []
    columns: dict[int, list[str]] = {}
    for place, (what, width) in enumerate(lines):
        given = mentions[place].names if known else []
        bases = list(dict.fromkeys(_base(name) for name in given))
        if what == "scalars":
            found += given if len(given) == width else [""] * width
        elif what == "rows":
            if len(given) == width:
                columns[len(found)] = given
            found.append("")
        else:
            found.append(bases[0] if len(bases) == 1 else "")
    names = [name if name and found.count(name) == 1 else f"_{number}" for number, name in enumerate(found, start=1)]
    return Named(tuple(names), {names[index]: parts for index, parts in columns.items()}, count)


def _section(statement: str) -> str:
    found = _SECTION.search(plain(statement.replace("$$$", "$").replace("$", _MATH)))
    return found[1] if found else ""


def _count_in_passing(statement: str) -> str | None:
    """`t` of "the number of test cases $t$", which no noun stands before."""
    found = re.search(rf"{_COUNT.pattern}\s+({_A_NAME})(?![\w'])", _section(statement), re.I)
    return _bare(found[1]) if found and _split(found[1], "") else None


def _mentions(statement: str) -> list[_Mention]:
    """The groups of names in the section on input, in its order; what was named before is not named again."""
    text = _section(statement)
    found: list[_Mention] = []
    seen: set[str] = set()
    last = -1  # where the sentence of the last mention begins
    for one in _NAMED.finditer(text):
        begins, ends = _sentence(text, one.start(), one.end())
        sentence = text[begins:ends]
        names = _split(one[1], text[one.end() : one.end() + 2])
        fresh = any(name not in seen and _base(name) not in seen for name in names)
        explains = begins == last and _EXPLAINS.search(text[begins : one.start()])
        if fresh and not explains and not _NOT_OF_A_LINE.search(sentence):
            seen |= {*names, *map(_base, names)}
            found.append(_Mention(names, sentence))
            last = begins
    return found


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    begins = max(text.rfind(". ", 0, start) + 1, text.rfind("\n", 0, start) + 1, 0)
    stop = re.compile(r"\.\s|\n|\Z").search(text, end)
    assert stop is not None
    return begins, stop.start()


def _split(text: str, after: str) -> list[str]:
    """`n and m` -> n, m; `a_1, a_2, ..., a_n` -> a_1: as many as there are, but one of a series.

    `after` is what follows. A word such as "a" is a name where it stands in `$...$`, or where no word follows it.
    """
    parts = [part.strip() for part in re.split(_AND, text) if part.strip()]
    found: list[str] = []
    series = any(_bare(part) == "..." for part in parts)
    for index, part in enumerate(parts):
        name = _bare(part)
        last = index == len(parts) - 1
        word = _MATH not in part and (name.lower() in _WORDS or _LONG_WORD.fullmatch(name) is not None)
        if not name or name == "..." or (word and (name.lower() != "a" or (last and re.match(r"\s\w", after)))):
            continue
        if name not in found and not (series and _base(name) in map(_base, found)):
            found.append(name)
    return found


def _bare(part: str) -> str:
    return part.strip(f" {_MATH}")


def _base(name: str) -> str:
    """`a_1` and `a_i` -> a."""
    series = re.fullmatch(r"([A-Za-z]+)_\{?(\w+)\}?", name)
    return series[1] if series else name


def _counts_lines(mentions: Sequence[_Mention], lines: Sequence[tuple[str, int]]) -> bool:
    """Whether the first of the mentions is how many lines such as `x_i, y_i` there are."""
    return (
        len(mentions) == len(lines) + 1 == 2
        and len(mentions[0].names) == 1
        and lines[0][0] == "scalars"
        and all(name.endswith("_i") for name in mentions[1].names)
    )


def _is_count(mention: _Mention) -> bool:
    """Whether a mention is the number of repetitions."""
    return len(mention.names) == 1 and (mention.names[0] in _COUNT_NAMES or bool(_COUNT.search(mention.sentence)))
