"""The limits that a statement gives for its input, read by rules.

`1 <= nums.length <= 10^5`, `$1 \\le a_i \\le 10^9$`, `n == grid[i].length`, `s consists of lowercase English letters`:
these become bounds, equalities and alphabets under the name that stands in the statement. A line of a section
"Constraints" that no rule reads is kept as `unread`: it may promise something about the input (a tree, a valid
expression) that a generated input would break, so whoever generates has to know.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field

Limit = int | str  # a number, or an expression over other names, such as `n - 1`

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SIGNS = (
    (r"\\leqslant|\\leq|\\le|≤|⩽|&lt;=|&le;", "<="), (r"\\geqslant|\\geq|\\ge|≥|⩾|&gt;=|&ge;", ">="),
    (r"\\lt|&lt;", "<"), (r"\\gt|&gt;", ">"), (r"\\cdot|\\times|⋅|·|×", "*"), (r"−|–", "-"),
    (r"\\(?:ldots|dots|cdots)|…", "..."), (r"\\[ ,;!]|~", " "), (r"\$+|`|\\text\w*|\\mathit|\\mathrm|\*\*", ""),
    (r"_\{([^{}]*)\}", r"_\1"), (r"\^\{([^{}]*)\}", r"^\1"),
    (r"<sup>(.*?)</sup>", r"^\1"), (r"<sub>(.*?)</sub>", r"_\1"),
)  # fmt: skip
_NUMBER = re.compile(
    r"(?P<sign>-?)\s*(?:(?P<factor>\d[\d,]*)\s*\*\s*)?(?P<base>\d[\d,]*)(?:\^(?P<power>\d{1,4}))?\s*"
    r"(?:(?P<plus>[+-])\s*(?P<last>\d+))?"
)
_OPERATOR = re.compile(r"(<=|>=|<|>)")
_NAME = re.compile(r"\|?[A-Za-z]\w*(?:\[[\w +\-]*\])*(?:\.(?:length|size\(\)))?(?:_\w+)?\|?|len\([A-Za-z]\w*\)")
_EQUALITY = re.compile(
    r"^([A-Za-z][\w.\[\]]*)\s*==\s*([A-Za-z][\w.\[\]]*(?:\s*[+-]\s*\d+)?|\d+)(?:\s*==\s*([A-Za-z][\w.\[\]]*|\d+))?$"
)
_PROMISED = re.compile(
    r"[^.\n]*(?:guarantee|may assume|always (?:possible|valid|exists?)|exactly one (?:valid )?(?:solution|answer))"
    r"[^.\n]*",
    re.I,
)
_MOST_CHARS = 20_000  # of a statement that is read; longer ones hold data


@dataclass
class Bound:
    """The least and the greatest value of one name; None where the statement sets none."""

    low: Limit | None = None
    high: Limit | None = None


@dataclass
class Constraints:
    """What was read. `equal`: pairs of names or a name and a number; `alphabets`: characters by name."""

    bounds: dict[str, Bound] = field(default_factory=dict)
    equal: list[tuple[str, str]] = field(default_factory=list)
    alphabets: dict[str, str] = field(default_factory=dict)
    distinct: set[str] = field(default_factory=set)
    ascending: set[str] = field(default_factory=set)
    chosen: set[str] = field(default_factory=set)  # names said to be one of a few values
    rows: dict[str, list[str]] = field(default_factory=dict)  # `edges[i] = [a, b]`: the names in a row of `edges`
    unread: list[str] = field(default_factory=list)


def plain(statement: str) -> str:
    """A statement with the signs of LaTeX, HTML and Unicode for comparison and powers written in ASCII."""
    text = statement[:_MOST_CHARS].replace("\u00a0", " ")
    text = re.sub(r"10([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda found: "10^" + found[1].translate(_SUPERSCRIPTS), text)
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return text


def number_of(text: str, flat_powers: bool) -> int | None:
    """The whole number that `text` writes, or None.

    `flat_powers`: the source has lost its superscripts, as LeetCodeDataset has, so that `105` is 10^5 and `231 - 1`
    is 2^31 - 1. Powers are bounded, since the text is not to be trusted.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    digits = found["base"].replace(",", "")
    if len(digits) > 40:
        return None
    base = int(digits)
    if found["power"]:
        base = base ** min(int(found["power"]), 128) if base <= 1000 else base
    elif flat_powers and (lost := re.fullmatch(r"10([3-9]|1[0-8])|2(31|32|63|64|30|53)", digits)):
        base = 10 ** int(lost[1]) if lost[1] else 2 ** int(lost[2])
    value = (int(found["factor"].replace(",", "")) if found["factor"] else 1) * base
    value = -value if found["sign"] else value
    if found["last"]:
        value += int(found["last"]) if found["plus"] == "+" else -int(found["last"])
    return value


def flat_powers_in(statement: str) -> bool:
    """Whether the statement has lost its superscripts: it names `104` to `109` or `231` as limits and no power."""
    text = plain(statement)
    if re.search(r"\^\s*\d|\*\*\s*\d", text):
        return False
    return bool(re.search(r"(?:<=|<)\s*-?(?:\d+ ?\* ?)?(?:10[3-9]|101\d|231|263|264|232)\b|-(?:10[3-9]|231)\s*<", text))


def read_constraints(statement: str) -> Constraints:
    """All bounds, equalities and promises that the rules find in a statement."""
    flat = flat_powers_in(statement)
    text = plain(statement)
    found = Constraints()
    for name, inside in re.findall(r"\b([A-Za-z]\w*)\[i\]\s*={1,2}\s*\[([A-Za-z]\w*(?:\s*,\s*[A-Za-z]\w*)+)\]", text):
        found.rows.setdefault(name, [part.strip() for part in inside.split(",")])
    section = re.search(r"Constraints:?\s*\n(.*?)(?:\n\s*(?:Follow[- ]?up|Note|Example|Input)\b|\Z)", text, re.S | re.I)
    lines = [re.sub(r"^\s*[-*•]\s+|[\s.]+$", "", line).strip() for line in section[1].splitlines()] if section else []
    for line in filter(None, lines):
        if not _read_line(line, flat, found):
            found.unread.append(line)
    body = text[: section.start()] + text[section.end() :] if section else text
    found.unread += [line.strip() for line in _PROMISED.findall(body) if "sum of" not in line]
    if not lines:
        for piece in _pieces(text):
            _chain(piece, flat, found)
    return found


def _pieces(text: str) -> Iterator[str]:
    """Stretches of running text that may hold a chain of comparisons: what stands in brackets, and sentences."""
    for found in re.finditer(r"\(([^()]*(?:\([^()]*\)[^()]*)*[<>][^()]*(?:\([^()]*\)[^()]*)*)\)", text):
        yield from re.split(r";|\band\b|,\s*(?=-?\d+\s*(?:<|\^|\*))", found[1])


def _read_line(line: str, flat: bool, found: Constraints) -> bool:
    """Whether a rule reads a line of the section "Constraints"."""
    line = re.sub(r"\s+for (?:each|all|every|any) [\w\[\]]+$| ?[\u200b\u200c\ufeff]", "", line)
    if re.match(r"(?:Since the|The) answer (?:may|can|could)|Return ", line) or _IN_CATALOGUE.search(line):
        return True
    if _OPERATOR.search(line) and "!=" not in line:
        line = _without_equalities(line, found)
        pieces = re.split(r",\s*(?=-?\d+\s*(?:\^\d+\s*)?<)|;|\band\b(?=\s*-?\d)", line)
        return all([_chain(piece, flat, found) for piece in pieces])
    equality = _EQUALITY.match(line)
    if equality is not None:
        names = [name.strip() for name in equality.groups() if name]
        found.equal += list(itertools.pairwise(names))
        return True
    return _promise(line, found)


# What is promised here holds in every example, and `invariants.py` finds it there.
_IN_CATALOGUE = re.compile(
    r"^[A-Za-z]\w*\[i\]\s*={1,2}\s*\[[\w, ]+\]$|^\w+ != \w+$|^\w+(?:\[\w\])? != 0$|^\w+(?:\[\w+\])?\.length is even$"
    r"|^[A-Za-z]\w*(?:\[i\]){1,2} (?:is|are) (?:either )?(?:0 (?:or|and) 1|1 (?:or|and) 0)$"
    r"|^All (?:the )?(?:\w+ ){0,4}(?:\([\w, ]+\) |of \w+ |in \w+ )?(?:are|is) (?:unique|distinct|pairwise distinct)$"
    r"|contains? no duplicates?(?: \w+)?$"
    r"|^\w+(?: and \w+)? (?:is|are) (?:sorted in )?strictly (?:increasing|ascending)(?: order)?$"
    # Inputs are made far smaller than these sums and products.
    r"|^(?:\d+ <=? )?(?:sum\([\w\[\].]+\)|\w+ \* \w+) <= (?:\d \* )?(?:\d{5,}|10[4-9]|10\^[4-9])$"
    r"|^All \w+\[i\](?:\.length| lengths?) are (?:equal|the same)$"
    r"|^There are no (?:repeated|duplicate|multiple) edges$",
    re.I,
)


def _without_equalities(line: str, found: Constraints) -> str:
    """`1 <= n == nums.length <= 9` -> `1 <= n <= 9`, with the equality kept."""
    chained = re.search(r"([A-Za-z][\w.\[\]]*)\s*==\s*([A-Za-z][\w.\[\]]*)", line)
    while chained is not None:
        found.equal.append((chained[1], chained[2]))
        line = line[: chained.start()] + chained[1] + line[chained.end() :]
        chained = re.search(r"([A-Za-z][\w.\[\]]*)\s*==\s*([A-Za-z][\w.\[\]]*)", line)
    return line


def _chain(piece: str, flat: bool, found: Constraints) -> bool:
    """Reads `low <= name, name < high` and `name <= high`; whether it did."""
    parts = [part.strip() for part in _OPERATOR.split(piece.strip(" .()"))]
    if len(parts) not in (3, 5, 7) or not all(parts):
        return False
    operands, signs = parts[::2], parts[1::2]
    if any(sign.startswith(">") for sign in signs):
        operands, signs = operands[::-1], [sign.replace(">", "<") for sign in signs[::-1]]
    if any(sign.startswith(">") for sign in signs):
        return False
    good = False
    for index, operand in enumerate(operands):
        names = _names_of(operand)
        if not names:
            continue
        low = _limit(operands[index - 1], flat) if index else None
        high = _limit(operands[index + 1], flat) if index + 1 < len(operands) else None
        if index and signs[index - 1] == "<" and low is not None:
            low = low + 1 if isinstance(low, int) else f"{low} + 1"
        if index + 1 < len(operands) and signs[index] == "<" and high is not None:
            high = high - 1 if isinstance(high, int) else f"{high} - 1"
        for name in names:
            bound = found.bounds.setdefault(name, Bound())
            bound.low, bound.high = _tighter(bound.low, low), _tighter(bound.high, high)
            good = True
    return good and all(_names_of(operand) or _limit(operand, flat) is not None for operand in operands)


def _tighter(known: Limit | None, new: Limit | None) -> Limit | None:
    """A later limit takes the place of an earlier one, but for a formula where a number is known: `bi < n` says more
    of `bi` than of `n`."""
    return known if new is None or (isinstance(known, int) and isinstance(new, str)) else new


def _names_of(operand: str) -> list[str]:
    """`nums1[i], nums2[i]` -> both; an operand that is a number or a formula has none."""
    names = [name.strip() for name in re.split(r",|\band\b", operand)]
    return names if names and all(_NAME.fullmatch(name) for name in names) else []


def _limit(operand: str, flat: bool) -> Limit | None:
    operand = operand.strip()
    number = number_of(operand, flat)
    if number is not None:
        return number
    if _names_of(operand) and "," not in operand:
        return operand
    shifted = re.fullmatch(r"(.+?)\s*([+-])\s*(\d+)", operand)
    smaller = re.fullmatch(r"(?:min|max)\(([^()]+)\)", operand)
    if smaller and all(_limit(part, flat) is not None for part in smaller[1].split(",")):
        return f"{operand[:3]}({', '.join(str(_limit(part, flat)) for part in smaller[1].split(','))})"
    product = re.fullmatch(r"(\w+)\s*\*\s*(\w+)", operand)
    if product:
        return f"{product[1]} * {product[2]}"
    if shifted and _NAME.fullmatch(shifted[1]):
        return f"{shifted[1]} {shifted[2]} {shifted[3]}"
    return None


# ---- promises about letters, order and repetition

_LETTERS_OF = r"(?:english |latin )?(?:letter|alphabet|character)"
_ALPHABETS = (
    (rf"lower-?\s?case (?:and upper-?\s?case )?{_LETTERS_OF}", string.ascii_lowercase),
    (rf"upper-?\s?case {_LETTERS_OF}|lower-?\s?case and upper-?\s?case", string.ascii_uppercase),
    (r"upper-?\s?case or lower-?\s?case|lower-?\s?case or upper-?\s?case", string.ascii_letters),
    (r"(?<!case )(?<!latin )english letters", string.ascii_letters),
    (r"digit", string.digits),
)  # fmt: skip
_WORD = r"[A-Za-z]\w*(?:\[\w*\])*"
_SUBJECT = re.compile(
    rf"^(?:the |each |all |both )?({_WORD}(?:(?:,? and |, ){_WORD})*)\s+(?:both |all |only |each )?"
    r"(?:is|are|consists?|contains?|has|have|must|will)\b",
    re.I,
)


def _promise(line: str, found: Constraints) -> bool:
    subject = _SUBJECT.match(line)
    if subject is None:
        return False
    names = [name for name in re.split(r",? and |, ", subject[1]) if re.fullmatch(r"[A-Za-z]\w*(?:\[\w*\])*", name)]
    rest = line[subject.end() :].lower()
    if not names:
        return False
    letters = "".join(alphabet for pattern, alphabet in _ALPHABETS if re.search(pattern, line, re.I))
    quoted = "".join(re.findall(r"['\"‘“](.)['\"’”]", line))
    span = re.search(r"'(\w)' to '(\w)'|'(\w)', '(\w)'\]", line)
    if span:
        first, last = (ord(letter) for letter in span.groups() if letter)
        quoted, letters = "".join(map(chr, range(first, last + 1))), ""
    simple = re.fullmatch(r"[\w\s,'\"‘’“”().\[\]:;!?+*/-]*", rest) is not None
    if re.search(
        r"consists? (?:only )?of|contains? only|is a? ?(?:lower|upper|digit|either)|\bare (?:lower|upper|digits|either)"
        r"|is an? (?:english|lower|upper)",
        line,
        re.I,
    ):
        if (
            (letters or quoted)
            and simple
            and not re.search(r"valid|such that|exactly|at (?:least|most)|no (?:two|leading)|permutation|word", rest)
        ):
            for name in names:
                found.alphabets[name] = "".join(sorted(set(letters + quoted)))
                if re.search(r"\beither\b", line):
                    found.chosen.add(name)
            return True
        if re.search(r"\beither\b|\bone of\b", line):
            found.chosen |= set(names)
            return True
    if re.fullmatch(
        r"(?:all )?(?:the )?(?:\w+ )?(?:elements |integers |values |strings |words |characters )?(?:of \w+ |in \w+ )?"
        r"(?:are )?(?:all )?(?:unique|distinct|pairwise distinct)\W*",
        rest.strip(),
    ):
        found.distinct |= set(names)
        return True
    if re.search(r"sorted in (?:a )?(?:strictly )?(?:non-?decreasing|ascending|increasing)", rest):
        found.ascending |= set(names)
        return True
    return False
