"""Properties of inputs that all examples share, from a fixed catalogue, in the manner of Daikon (Ernst et al. 2001).

Each is a named predicate over a whole input. What holds in every example is taken for a rule of the problem: sorted
lists, distinct items, rows of one length, two lists of one length, indices below a length. By chance a few examples
share more than the problem asks for; generated inputs are then less varied, and still legal.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Input = list[Any]
_MOST_ITEMS = 3_000  # of a list that costly properties look at


@dataclass(frozen=True)
class Invariant:
    """A property of an input; `name` and `arguments` say which, for whoever makes inputs that have it."""

    name: str
    arguments: tuple[int, ...]
    test: Callable[[Input], bool]

    def holds(self, given: Input) -> bool:
        """Whether an input has the property."""
        return self.test(given)


# With few examples these hold by chance as often as not. Then they count only where the statement speaks of it.
_ENOUGH_EXAMPLES = 8
_SPOKEN_OF = {
    r"\beven\b|\bpairs?\b|twice|half": ("even", "even length", "even sum", "items even"),
    r"\bodd\b": ("odd", "odd length"),
    r"power of (?:two|2)|2\^": ("power of two length",),
    r"sort|ascend|increas|order|monoton": (
        "ascending", "descending", "rows ascend", "columns ascend", "intervals apart", "second below third",
    ),
    r"distinct|unique|duplicat|different|repeat|once|\bset\b|permutation": (
        "distinct", "rows distinct inside", "firsts distinct", "seconds distinct", "items of distinct letters",
        "neighbours differ",
    ),
    r"permutation|exactly once|[01] to n|\[[01], ?n": ("permutation from 0", "permutation from 1"),
    r"divi[ds]|multiple": ("divides", "length is a multiple"),
    r"symmetric|adjacen|connected|undirected": ("symmetric", "zero diagonal"),
    r"mountain|peak": ("rises then falls",),
    r"cycle|acyclic|\bDAG\b|prerequisite|depend": ("acyclic",),
    r"differ|distinct|not equal|!=": ("differs",),
    r"at least one|guarante|there exists?|always exists?|will (?:be|contain)|must contain": (
        "has", "has a zero", "has a one", "has a positive", "among", "subset", "disjoint", "items of its letters",
        "letters among", "sum at least", "distinct values at least", "positive sum", "sum below", "same sum",
    ),
    r"square|n x n|n \* n": ("square",),
    r"start|first|begin|corner|top-left|\[0\]": ("first is zero", "first is -1", "first corner zero", "corners zero"),
    r"letter|alphabet|case": ("one case", "first letter stays"),
    r"anagram|rearrang|permut|shuffl|same (?:letters|characters|elements|items)": ("same letters", "same items"),
    r"connected|path|reach|network|tree": ("connected from 0", "a connected graph"),
    r"subsequence|at most|shorter|longer": ("not longer", "shorter", "pointwise at most", "not longer than each"),
}  # fmt: skip


# With few examples these too hold by chance; a stated limit of the same numbers says what there is to say.
_SAID_BY_LIMITS = {
    "not negative", "positive", "items not negative", "items positive", "no zero", "items 0 or 1", "items below length",
    "items at most length", "items below", "items at most", "items at least", "greatest at most", "at most", "below",
    "length at least", "length above", "length at most", "not longer", "shorter", "pointwise at most", "items index",
}  # fmt: skip


# What no limit says, because it is no range.
_PROMISED = {r"!= 0|\bnon-?zero\b|not (?:be )?(?:equal to )?(?:0|zero)\b": "no zero"}


def invariants_of(
    kinds: Sequence[str], examples: Sequence[Input], statement: str = "", limited: Collection[int] = ()
) -> list[Invariant]:
    """Every property of the catalogue that all examples have, and that is more than chance would give.

    `limited`: the arguments for which the statement gives limits.
    """
    few = len(examples) < _ENOUGH_EXAMPLES
    promised = {name for words, name in _PROMISED.items() if re.search(words, statement, re.I)}
    silent = {name for words, names in _SPOKEN_OF.items() if not re.search(words, statement, re.I) for name in names}
    return [
        one
        for one in _catalogue(kinds)
        if examples
        and not (few and one.name in silent)
        and not (few and one.name in _SAID_BY_LIMITS - promised and set(one.arguments) <= set(limited))
        and all(_holds(one, example) for example in examples)
    ]


def _holds(invariant: Invariant, example: Input) -> bool:
    try:
        return invariant.holds(example)
    except (TypeError, ValueError, IndexError):
        return False


def _catalogue(kinds: Sequence[str]) -> Iterator[Invariant]:
    for index, kind in enumerate(kinds):
        for name, test in _of_one(kind):
            yield Invariant(name, (index,), _on(index, test))
    for first, kind in enumerate(kinds):
        for second, other in enumerate(kinds):
            if first != second:
                for name, check in _of_two(kind, other):
                    yield Invariant(name, (first, second), _on_both(first, second, check))


def _on(index: int, test: Callable[[Any], bool]) -> Callable[[Input], bool]:
    return lambda given: bool(test(given[index]))


def _on_both(first: int, second: int, test: Callable[[Any, Any], bool]) -> Callable[[Input], bool]:
    return lambda given: bool(test(given[first], given[second]))


def _of_one(kind: str) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    if kind in ("int", "float"):
        yield "not negative", lambda v: v >= 0
        yield "positive", lambda v: v > 0
    if kind == "int":
        yield "even", lambda v: v % 2 == 0
        yield "odd", lambda v: v % 2 == 1
    if kind == "str":
        yield "not empty", lambda v: len(v) > 0
        yield "no blank at an end", lambda v: v == v.strip()
        yield "no two blanks", lambda v: "  " not in v
        yield "distinct", lambda v: len(set(v)) == len(v)
        yield "even length", lambda v: len(v) % 2 == 0
        yield "ascending", lambda v: list(v) == sorted(v)
        yield "no leading zero", lambda v: not (len(v) > 1 and v[0] == "0")
        yield "letters and digits only", lambda v: v.isalnum()
        yield "balanced", _balanced
        yield "one case", lambda v: v in (v.lower(), v.upper())
        yield "first letter stays", lambda v: v[:1].isalpha()
    if kind.startswith("list["):
        yield "not empty", lambda v: len(v) > 0
        yield "distinct", lambda v: len({_frozen(item) for item in v}) == len(v)
        yield "even length", lambda v: len(v) % 2 == 0
        yield "odd length", lambda v: len(v) % 2 == 1
    if kind in ("list[int]", "list[float]"):
        yield "ascending", lambda v: all(a <= b for a, b in itertools.pairwise(v))
        yield "descending", lambda v: all(a >= b for a, b in itertools.pairwise(v))
        yield "items not negative", lambda v: all(item >= 0 for item in v)
        yield "items positive", lambda v: all(item > 0 for item in v)
        yield "neighbours differ", lambda v: all(a != b for a, b in itertools.pairwise(v))
        yield "no zero", lambda v: all(item != 0 for item in v)
    if kind == "list[int]":
        yield "permutation from 0", lambda v: sorted(v) == list(range(len(v)))
        yield "permutation from 1", lambda v: sorted(v) == list(range(1, len(v) + 1))
        yield "items even", lambda v: all(item % 2 == 0 for item in v)
        yield "items 0 or 1", lambda v: all(item in (0, 1) for item in v)
        yield "items below length", lambda v: all(0 <= item < len(v) for item in v)
        yield "items at most length", lambda v: all(item <= len(v) for item in v)
        yield "even sum", lambda v: sum(v) % 2 == 0
        yield "positive sum", lambda v: sum(v) > 0
        yield "power of two length", lambda v: len(v) & (len(v) - 1) == 0
        yield "has a zero", lambda v: 0 in v
        yield "has a positive", lambda v: any(item > 0 for item in v)
        yield "first is zero", lambda v: v[0] == 0
        yield "first is -1", lambda v: v[0] == -1
        yield "rises then falls", _mountain
    if kind == "list[str]":
        yield "ascending", lambda v: v == sorted(v)
        yield "items not empty", lambda v: all(v)
        yield "rows of one length", lambda v: len({len(item) for item in v}) <= 1
        yield "square", lambda v: all(len(item) == len(v) for item in v)
        yield "items of distinct letters", lambda v: all(len(set(item)) == len(item) for item in v)
        yield "no leading zero", lambda v: all(not (len(item) > 1 and item[0] == "0") for item in v)
        yield "no blank in items", lambda v: all(" " not in item for item in v)
        yield "items of letters and digits", lambda v: all(item.isalnum() for item in v)
    if kind.startswith("list[list["):
        yield "items not empty", lambda v: all(v)
        yield "rows of one length", lambda v: len({len(item) for item in v}) <= 1
        yield "square", lambda v: all(len(item) == len(v) for item in v)
        yield "rows distinct inside", lambda v: all(len({_frozen(x) for x in row}) == len(row) for row in v)
        yield "rows of width 2", lambda v: all(len(row) == 2 for row in v)
        yield "rows of width 3", lambda v: all(len(row) == 3 for row in v)
        yield "rows of width 4", lambda v: all(len(row) == 4 for row in v)
        yield "rows ascend", lambda v: all(row == sorted(row) for row in v)
        yield (
            "columns ascend",
            lambda v: all(a[i] <= b[i] for a, b in itertools.pairwise(v) for i in range(len(a))),
        )
    if kind in ("list[list[int]]", "list[list[float]]"):
        yield "ascending", lambda v: v == sorted(v)
        yield "items not negative", lambda v: all(item >= 0 for row in v for item in row)
        yield "items positive", lambda v: all(item > 0 for row in v for item in row)
        yield "items 0 or 1", lambda v: all(item in (0, 1) for row in v for item in row)
        yield "no zero", lambda v: all(item != 0 for row in v for item in row)
        yield "has a zero", lambda v: any(item == 0 for row in v for item in row)
        yield "has a one", lambda v: any(item == 1 for row in v for item in row)
        yield "first differs from second", lambda v: all(row[0] != row[1] for row in v)
        yield "first at most second", lambda v: all(row[0] <= row[1] for row in v)
        yield "first below second", lambda v: all(row[0] < row[1] for row in v)
        yield "second below third", lambda v: all(row[1] < row[2] for row in v)
        yield "pairs once whatever the order", lambda v: len({frozenset(row[:2]) for row in v}) == len(v)
        yield "firsts distinct", lambda v: len({row[0] for row in v}) == len(v)
        yield "seconds distinct", lambda v: len({row[1] for row in v}) == len(v)
        yield "corners zero", lambda v: v[0][0] == 0 and v[-1][-1] == 0
        yield "first corner zero", lambda v: v[0][0] == 0
        yield "intervals apart", lambda v: all(a[1] < b[0] for a, b in itertools.pairwise(v))
        yield (
            "symmetric",
            lambda v: (
                all(len(r) == len(v) for r in v)
                and all(v[i][j] == v[j][i] for i in range(min(len(v), 100)) for j in range(i))
            ),
        )
        yield "zero diagonal", lambda v: all(row[i] == 0 for i, row in enumerate(v))
        yield "connected from 0", lambda v: _connected(v, len(v) + 1)
        yield "acyclic", _acyclic


def _of_two(kind: str, other: str) -> Iterator[tuple[str, Callable[[Any, Any], bool]]]:
    sized, sized_too = kind.startswith("list[") or kind == "str", other.startswith("list[") or other == "str"
    if sized and sized_too:
        yield "same length", lambda a, b: len(a) == len(b)
        yield "not longer", lambda a, b: len(a) <= len(b)
        yield "shorter", lambda a, b: len(a) < len(b)
    if sized and other == "int":
        yield "length is", lambda a, n: len(a) == n
        yield "length is one less", lambda a, n: len(a) == n - 1
        yield "length is one more", lambda a, n: len(a) == n + 1
        yield "length is a multiple", lambda a, n: n > 0 and len(a) % n == 0
        yield "length at least", lambda a, n: len(a) >= n
        yield "length above", lambda a, n: len(a) > n
        yield "length at most", lambda a, n: len(a) <= n
    if (kind.startswith("list[list[") or kind == "list[str]") and other == "int":
        yield "width is", lambda a, n: all(len(item) == n for item in a)
    if kind in ("list[int]", "list[list[int]]") and other == "int":
        yield "items below", lambda a, n: all(item < n for item in scalars_in(a))
        yield "items at most", lambda a, n: all(item <= n for item in scalars_in(a))
        yield "has", lambda a, n: n in scalars_in(a)
        yield "items at least", lambda a, n: all(item >= n for item in scalars_in(a))
    if kind == "list[int]" and other == "int":
        yield "sum at least", lambda a, n: sum(a) >= n
        yield "greatest at most", lambda a, n: max(a) <= n
        yield "distinct values at least", lambda a, n: len(set(a)) >= n
    if kind == "list[list[int]]" and other == "int":
        yield "a tree", lambda a, n: len(a) == n - 1 and _connected(a, n)
        yield "a connected graph", lambda a, n: _connected(a, n)
        yield "firsts below", lambda a, n: all(row[0] < n for row in a)
        yield "seconds below", lambda a, n: all(row[1] < n for row in a)
        yield "pairs below", lambda a, n: all(0 <= item < n for row in a for item in row[:2])
        yield "pairs from 1 up", lambda a, n: all(1 <= item <= n for row in a for item in row[:2])
    if kind in ("list[int]", "list[list[int]]") and sized_too:
        yield "items index", lambda a, b: all(0 <= item < len(b) for item in scalars_in(a))
        yield "pairs index", lambda a, b: all(0 <= item < len(b) for row in a for item in row[:2])
    if kind == "list[int]" and other == "list[int]":
        yield "subset", lambda a, b: set(a) <= set(b)
        yield "disjoint", lambda a, b: not set(a) & set(b)
        yield "pointwise at most", lambda a, b: len(a) == len(b) and all(x <= y for x, y in zip(a, b, strict=True))
        yield "same sum", lambda a, b: sum(a) == sum(b)
        yield "same items", lambda a, b: sorted(a) == sorted(b)
        yield "sum below", lambda a, b: sum(a) < sum(b)
    if kind == "list[int]" and other == "list[list[int]]":
        yield "length is width", lambda a, b: all(len(row) == len(a) for row in b)
    if kind in ("int", "float") and other in ("int", "float"):
        yield "at most", lambda a, b: a <= b
        yield "below", lambda a, b: a < b
        yield "differs", lambda a, b: a != b
        yield "divides", lambda a, b: a != 0 and b % a == 0
    if kind == "str" and other == "str":
        yield "differs", lambda a, b: a != b
        yield "same letters", lambda a, b: sorted(a) == sorted(b)
        yield "letters among", lambda a, b: set(a) <= set(b)
    if kind == "str" and other == "list[str]":
        yield "among", lambda a, b: a in b
        yield "length of each", lambda a, b: all(len(item) == len(a) for item in b)
        yield "not longer than each", lambda a, b: all(len(a) <= len(item) for item in b)
    if kind == "list[str]" and other == "str":
        yield "items of its letters", lambda a, b: all(set(item) <= set(b) for item in a)
    if kind == "list[str]" and other == "list[str]":
        yield "subset", lambda a, b: set(a) <= set(b)


def scalars_in(value: Any) -> list[Any]:
    """All that is no list in a value, in order."""
    return [item for row in value for item in scalars_in(row)] if isinstance(value, list) else [value]


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            return False
    return depth == 0 and any(letter in "([{" for letter in text)


def _mountain(values: list[int]) -> bool:
    top = values.index(max(values))
    rises = all(a < b for a, b in itertools.pairwise(values))
    falls = all(a > b for a, b in zip(values[top:], values[top + 1 :], strict=False))
    return 0 < top < len(values) - 1 and rises and falls


def _connected(edges: list[list[int]], nodes: int) -> bool:
    """Whether edges join `nodes` nodes, numbered from 0 or from 1, into one."""
    if not 0 < nodes <= _MOST_ITEMS or len(edges) > _MOST_ITEMS:
        return False
    first = 0 if any(0 in row[:2] for row in edges) or not edges else 1
    parent = list(range(nodes))
    groups = nodes
    for row in edges:
        a, b = (_root(parent, end - first) for end in row[:2])
        if a != b:
            parent[a] = b
            groups -= 1
    return groups == 1 and all(0 <= end - first < nodes for row in edges for end in row[:2])


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _acyclic(edges: list[list[int]]) -> bool:
    """Whether directed edges (first two of each row) have no cycle."""
    after: dict[int, list[int]] = {}
    incoming: dict[int, int] = {}
    for row in edges[:_MOST_ITEMS]:
        after.setdefault(row[0], []).append(row[1])
        incoming[row[1]] = incoming.get(row[1], 0) + 1
        incoming.setdefault(row[0], 0)
    free = [node for node, count in incoming.items() if not count]
    seen = 0
    while free:
        node = free.pop()
        seen += 1
        for other in after.get(node, []):
            incoming[other] -= 1
            if not incoming[other]:
                free.append(other)
    return seen == len(incoming)
