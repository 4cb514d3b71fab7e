"""Inputs made for a problem: the least and the greatest allowed, edges, random ones of several sizes, changed examples.

Every one is shown to the guard of the model (`InputModel.accepts`) and left out where it is refused. The draws depend
on the seed alone.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from data_pipeline.code.changes import LETTERS, changed, ordered
from data_pipeline.code.extremes import ANY, EQUAL, NEAR, Extreme, extremes
from data_pipeline.code.invariants import scalars_in
from data_pipeline.code.model import Input, InputModel, Place, texts_in

# So many refused by the guard in a row end a kind of input: what is refused costs time in proportion to its size.
_PATIENCE = {"least": 40, "edge": 60, "small": 60, "medium": 12, "large": 3, "changed": 100}


@dataclass(frozen=True, slots=True)
class Made:
    """An input and how it was made: `least`, `edge`, `small`, `medium`, `large`, `changed`."""

    given: Input
    how: str


def make_inputs(model: InputModel, most: int, most_chars: int, seed: int) -> list[Made]:
    """Up to `most` different inputs that no example has and that the guard takes, of at most `most_chars` as JSON."""
    maker = _Maker(model, random.Random(seed), most_chars)
    known = {json.dumps(example) for example in model.examples}
    shares = (("least", 0.1), ("edge", 0.2), ("small", 0.2), ("medium", 0.15), ("large", 0.1), ("changed", 0.25))
    found: list[Made] = []
    for how, share in shares:
        found += _fill(maker, how, max(1, round(most * share)), known)
    return found[:most]


def _fill(maker: _Maker, how: str, wanted: int, known: set[str]) -> Iterator[Made]:
    """Up to `wanted` inputs of one kind. Edges follow the plans of `extremes`, so that every end is tried."""
    plans: Iterable[list[Extreme | None]] = itertools.repeat([None])
    if how == "edge":
        plans = (list(tries) for tries in extremes(len(maker.model.kinds), maker.rng))
    refused = 0
    for tries in plans:
        for extreme in tries:
            if not wanted or refused >= _PATIENCE[how]:
                return
            given = maker.draw(how, extreme)
            text = json.dumps(given)
            if given is None or text in known or len(text) > maker.most_chars or not maker.model.accepts(given):
                refused += 1
                if text in known and extreme is not None and extreme.exact:
                    break  # this end is there already
                continue
            known.add(text)
            yield Made(given, how)
            wanted, refused = wanted - 1, 0
            break


_SIZE = {"least": (0, 2), "edge": (1, 6), "small": (1, 8), "medium": (8, 40), "large": (100, 2000)}


class _Maker:
    def __init__(self, model: InputModel, rng: random.Random, most_chars: int) -> None:
        self.model, self.rng, self.most_chars = model, rng, most_chars
        self.exact = False  # the input at hand is an end to the letter
        self.of: dict[int, set[str]] = {}  # properties of single arguments
        self.between: list[tuple[str, int, int]] = []
        for invariant in model.invariants:
            if len(invariant.arguments) == 1:
                self.of.setdefault(invariant.arguments[0], set()).add(invariant.name)
            else:
                self.between.append((invariant.name, *invariant.arguments))  # type: ignore[arg-type]
        self.alphabets = {
            index: model.alphabets.get(index) or _seen_letters(model.examples, index)
            for index, kind in enumerate(model.kinds)
            if "str" in kind
        }
        self.seen: dict[tuple[int, str, int], list[Any]] = {}
        self.fixed = {pair[0]: pair[1] for pair in model.equal if isinstance(pair[1], int)}

    def draw(self, how: str, extreme: Extreme | None = None) -> Input | None:
        """One input of a kind, which the guard has yet to see; None where the limits leave no room for it."""
        try:
            return self._changed() if how == "changed" else self._anew(how, extreme)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None

    # ---- anew

    def _anew(self, how: str, extreme: Extreme | None) -> Input:
        model = self.model
        self.exact = extreme is not None and extreme.exact
        sides = extreme.sides if extreme else (ANY,) * len(model.kinds)
        given: Input = [self._default(index) for index in range(len(model.kinds))]
        sizes = self._sizes(extreme.size if extreme else how)
        simple = [index for index, kind in enumerate(model.kinds) if kind in ("int", "float", "bool")]
        for _ in range(2 if self.exact else 1):  # twice: the limits of the first may hang on the last
            for index in sorted(simple, key=lambda index: model.kinds[index] == "bool"):
                given[index] = self._scalar(index, given, sizes, how, sides[index])
        for index in range(len(model.kinds)):
            if index not in simple:
                given[index] = self._container(index, given, sizes, sides[index])
        return self._related(given)

    def _default(self, index: int) -> Any:
        return copy.deepcopy(self.rng.choice(self.model.examples)[index])

    def _sizes(self, how: str) -> dict[Place, int]:
        """Sizes of lists and texts, and of their items; those that are always equal get one number."""
        low, high = _SIZE[how]
        if how == "large":
            high = self.rng.choice([100, 300, 1000, 2000])
        found: dict[Place, int] = {}
        for index, kind in enumerate(self.model.kinds):
            if kind.startswith("list[") or kind == "str":
                found[Place(index, "length")] = self._size(Place(index, "length"), low, high, how)
            if kind.startswith("list[list[") or kind == "list[str]":
                widest = high if how != "large" else self.rng.choice([5, 20, 60])
                found[Place(index, "item_length")] = self._size(Place(index, "item_length"), max(low, 1), widest, how)
        for place, other in self.model.equal:
            if isinstance(other, int):
                found[place] = other
            elif place in found and other in found:
                found[place] = found[other] = min(found[place], found[other])
        for name, left, right in self.between:
            one, two = Place(left, "length"), Place(right, "length")
            if name == "same length":
                found[one] = found[two] = min(found[one], found[two])
        for index, names in self.of.items():
            if "square" in names:
                found[Place(index, "item_length")] = found[Place(index, "length")]
            for width in (2, 3, 4):
                if f"rows of width {width}" in names:
                    found[Place(index, "item_length")] = width
        return found

    def _size(self, place: Place, low: int, high: int, how: str) -> int:
        least, most = self.model.within(place, self.rng.choice(self.model.examples), {})
        seen = [self._size_in(example, place) for example in self.model.examples]
        if least is None and most is None and not self._has_bound(place):
            least, most = min(seen), max(seen)  # nothing is said of it: as in the examples
        least = max(0, least if least is not None else 0)
        most = max(
            least, min(most if most is not None else max(max(seen), high), high if how != "least" else least + low)
        )
        if how == "least":
            if self.exact or self.rng.random() < 0.6:
                return least
            return self.rng.randint(least, max(least, min(most, least + 1)))
        if how == "large":
            return most
        return self.rng.randint(min(max(least, low), most), most)

    def _has_bound(self, place: Place) -> bool:
        bound = self.model.bounds.get(place)
        return bound is not None and (bound.low is not None or bound.high is not None)

    @staticmethod
    def _size_in(example: Input, place: Place) -> int:
        value = example[place.argument]
        return len(value) if place.what == "length" else max((len(item) for item in value), default=1)

    def _scalar(self, index: int, given: Input, sizes: dict[Place, int], how: str, extreme: str) -> Any:
        kind = self.model.kinds[index]
        if kind == "bool":
            return extreme == "high" if extreme in ("low", "high") else self.rng.random() < 0.5
        place = Place(index, "value")
        if place in self.fixed:
            return self.fixed[place]
        for pair in self.model.equal:
            if place in pair:
                tied = pair[1] if pair[0] == place else pair[0]
                if isinstance(tied, Place) and tied in sizes:
                    return sizes[tied]
        for name, first, second in self.between:
            shift = {"length is": 0, "length is one less": 1, "length is one more": -1}.get(name)
            if second == index and shift is not None:
                return sizes[Place(first, "length")] + shift
            if second == index and name == "width is":
                return sizes[Place(first, "item_length")]
        environment = self._environment(given, sizes)
        bound = self.model.bounds.get(place)
        low, high = self.model.within(place, given, environment)
        seen = [example[index] for example in self.model.examples]
        if bound is None:
            low, high = min(seen), max(seen)
        return self._number(low, high, seen, how, extreme, kind)

    def _environment(self, given: Input, sizes: dict[Place, int]) -> dict[str, int]:
        found = self.model.environment(given)
        for place, size in sizes.items():
            name = self.model.names[place.argument]
            keys = (f"{name}.length", f"|{name}|", f"len({name})")
            for key in keys if place.what == "length" else (f"{name}[i].length", f"{name}[0].length"):
                found[key] = size
        for alias, place in self.model.aliases.items():
            if place in sizes:
                found[alias] = sizes[place]
        return found

    def _number(self, low: int | None, high: int | None, seen: list[Any], how: str, extreme: str, kind: str) -> Any:
        low = min(seen) if low is None else low
        high = max(seen) if high is None else high
        if low > high:
            raise ValueError("no number fits")
        if extreme in ("low", "high") and (self.exact or self.rng.random() < 0.8):
            return low if extreme == "low" else high
        if kind == "float":
            return round(self.rng.uniform(low, high), self.rng.choice([0, 1, 2, 5]))
        low, high = int(low), int(high)
        if extreme == NEAR:
            return self.rng.choice([low, high, min(low + 1, high), max(high - 1, low)])
        if how == "least":
            return min(high, low + self.rng.choice([0, 0, 0, 1, 2]))
        reach = self.rng.choice([3, 10, 30, 1000, high - low])
        return self.rng.randint(low, min(high, low + max(1, reach)))

    def _container(self, index: int, given: Input, sizes: dict[Place, int], extreme: str) -> Any:
        kind, size = self.model.kinds[index], sizes[Place(index, "length")]
        names = self.of.get(index, set())
        environment = self._environment(given, sizes)
        if kind == "str":
            return self._text(index, size, names)
        item = kind[5:-1]
        if item == "int" and names & {"permutation from 0", "permutation from 1"}:
            start = 0 if "permutation from 0" in names else 1
            return self.rng.sample(range(start, start + size), size)
        width = sizes.get(Place(index, "item_length"), 1)
        ragged = "rows of one length" not in names
        room = self.most_chars // (self._digits(index, extreme) * (1 if item in ("int", "bool") else max(1, width)))
        size = min(size, max(1, room))
        if any(name == "a tree" and first == index for name, first, _ in self.between):
            return self._tree(index, given, environment)
        if item == "int" or item == "float":
            return ordered(self._numbers(index, "item", size, given, environment, extreme, names, item), names)
        made: list[Any] = []
        seen: set[str] = set()
        for _ in range(size * (8 if "distinct" in names else 1)):
            if len(made) == size:
                break
            wide = self.rng.randint(1, width) if ragged and width > 1 else width
            if item == "bool":
                one: Any = self.rng.random() < 0.5
            elif item == "str":
                one = self._text(index, wide, {n for n in names if n == "items of distinct letters"})
            else:
                one = self._row(index, item, wide, given, environment, extreme, names)
            if "distinct" in names and json.dumps(one) in seen:
                continue
            seen.add(json.dumps(one))
            made.append(one)
        return ordered(made, names)

    def _digits(self, index: int, extreme: str) -> int:
        """Characters of one number with what stands between two; numbers that are no ends are mostly short."""
        if not (self.exact and extreme in ("low", "high")):
            return 4
        bounds = [bound for place, bound in self.model.bounds.items() if place.argument == index]
        return max([4, *(len(str(end)) + 2 for b in bounds for end in (b.low, b.high) if isinstance(end, int))])

    def _row(
        self,
        index: int,
        item: str,
        width: int,
        given: Input,
        environment: dict[str, int],
        extreme: str,
        names: set[str],
    ) -> list[Any]:
        inner = item[5:-1]
        if inner == "str":
            return [self._text(index, self.rng.randint(1, 5), set()) for _ in range(width)]
        if inner.startswith("list["):
            raise ValueError("nested too deeply to be made")
        columns = self.model.rows.get(index)
        has_columns = columns or any(p.argument == index and p.what == "column" for p in self.model.bounds)
        if has_columns or (width in (2, 3, 4) and {f"rows of width {width}"} <= names):
            row: list[Any] = []
            for column in range(width):
                known = dict(zip(columns or [], row, strict=False))
                row += self._numbers(index, "column", 1, given, environment | known, extreme, set(), inner, column)
        else:
            distinct = {"distinct"} if "rows distinct inside" in names else set()
            row = self._numbers(index, "inner", width, given, environment, extreme, distinct, inner)
        if "rows ascend" in names:
            row.sort()
        elif names & {"first at most second", "first below second"} and len(row) > 1 and row[0] > row[1]:
            row[0], row[1] = row[1], row[0]
        return row

    def _numbers(
        self, index: int, what: str, count: int, given: Input, environment: dict[str, int], extreme: str,
        names: set[str], kind: str, column: int = 0,
    ) -> list[Any]:  # fmt: skip
        place = Place(index, what, column)
        low, high = self.model.within(place, given, environment)
        if (index, what, column) not in self.seen:
            self.seen[index, what, column] = sorted(set(_numbers_seen(self.model.examples, index, what, column)))
        seen = self.seen[index, what, column]
        if low is None and high is None and what == "column":
            low, high = self.model.within(Place(index, "inner"), given, environment)
        if low is None and high is None and not self._has_bound(place):
            low, high = min(seen), max(seen)
        for name, first, second in self.between:
            if first == index:
                top = self._top(name, second, given, environment)
                high = top if top is not None and (high is None or top < high) else high
        if index in self.model.chosen or names & {"items 0 or 1"}:
            return [self.rng.choice(seen) for _ in range(count)]
        low, high = (min(seen) if low is None else low), (max(seen) if high is None else high)
        if kind == "int" and "distinct" in names and high - low + 1 < count:
            count = max(1, int(high - low + 1))
        if kind == "int" and extreme not in ("low", "high", NEAR):
            low, high = self._window(int(low), int(high), count if "distinct" in names else 1, count)
        if kind == "int" and "distinct" in names and extreme in ("low", "high"):
            reach = count - 1 + (0 if self.exact else 2)
            low, high = (low, min(high, low + reach)) if extreme == "low" else (max(low, high - reach), high)
        if kind == "int" and "distinct" in names:
            return self.rng.sample(range(int(low), int(high) + 1), count)
        if kind == "int" and extreme in (EQUAL, ANY):
            drawn = [self.rng.randint(low, high) for _ in range(1 if extreme == EQUAL else count)]
            return drawn * (count if extreme == EQUAL else 1)
        return [self._number(low, high, seen, "edge", extreme, kind) for _ in range(count)]

    def _window(self, low: int, high: int, least: int, count: int) -> tuple[int, int]:
        """Part of a range, at its low end, its high end, around zero or anywhere: near numbers meet more often."""
        reach = max(least, self.rng.choice([2, 10, count, 1000, high - low]))
        if reach >= high - low:
            return low, high
        spot = self.rng.choice(["low", "low", "high", "zero", "any"])
        if spot == "zero" and low < 0 < high:
            start = -(reach // 2)
        else:
            start = {"low": low, "high": high - reach}.get(spot, self.rng.randint(low, high - reach))
        return max(low, start), min(high, max(low, start) + reach)

    def _top(self, name: str, second: int, given: Input, environment: dict[str, int]) -> int | None:
        other = given[second]
        if name in ("items below", "firsts below", "pairs below", "seconds below") and isinstance(other, int):
            return other - 1
        if name in ("items at most", "pairs from 1 up", "greatest at most") and isinstance(other, int):
            return other
        if name in ("items index", "pairs index"):
            return environment.get(f"{self.model.names[second]}.length", 1) - 1
        return None

    def _tree(self, index: int, given: Input, environment: dict[str, int]) -> list[list[Any]]:
        """Edges of a random tree on as many nodes as its argument says, numbered as in the examples."""
        second = next(two for name, first, two in self.between if name == "a tree" and first == index)
        nodes, examples = given[second], [example[index] for example in self.model.examples if example[index]]
        start = 0 if any(0 in row[:2] for rows in examples for row in rows) or not examples else 1
        width = max((len(row) for rows in examples for row in rows), default=2)
        shape = self.rng.choice(["path", "star", "any"])
        edges = []
        for node in range(1, min(nodes, 2000)):
            parent = {"path": node - 1, "star": 0, "any": self.rng.randrange(node)}[shape]
            row = [parent + start, node + start]
            if self.rng.random() < 0.5 and "first below second" not in self.of.get(index, set()):
                row.reverse()
            for column in range(2, width):
                row += self._numbers(index, "column", 1, given, environment, "any", set(), "int", column)
            edges.append(row)
        self.rng.shuffle(edges)
        return edges

    def _text(self, index: int, size: int, names: set[str]) -> str:
        alphabet = self.alphabets.get(index) or LETTERS
        few = self.rng.choice([1, 2, 3, len(alphabet)])
        letters = self.rng.sample(sorted(set(alphabet)), min(few, len(set(alphabet))))
        if names & {"distinct", "items of distinct letters"}:
            return "".join(self.rng.sample(sorted(set(alphabet)), min(size, len(set(alphabet)))))
        size = min(size, self.most_chars // 2)
        if self.rng.random() < 0.25:
            half = [self.rng.choice(letters) for _ in range((size + 1) // 2)]
            return "".join(half + half[: size // 2][::-1])
        return "".join(self.rng.choice(letters) for _ in range(size))

    # ---- changed examples

    def _changed(self) -> Input:
        given = copy.deepcopy(self.rng.choice(self.model.examples))
        for _ in range(self.rng.choice([1, 1, 2, 3])):
            index = self.rng.randrange(len(given))
            letters, names = self.alphabets.get(index) or LETTERS, self.of.get(index, set())
            given[index] = changed(given[index], self.rng, letters, names)
        return self._related(given)

    def _related(self, given: Input) -> Input:
        """Sets the numbers that are always a length, and sorts what is always sorted."""
        for name, first, second in self.between:
            shift = {"length is": 0, "length is one less": 1, "length is one more": -1}.get(name)
            if shift is not None:
                given[second] = len(given[first]) + shift
            elif name == "width is" and given[first]:
                given[second] = len(given[first][0])
        return given


def _numbers_seen(examples: list[Input], index: int, what: str, column: int) -> list[Any]:
    found: list[Any] = []
    for example in examples:
        if what == "column":
            found += [row[column] for row in example[index] if column < len(row)]
        else:
            found += [n for n in scalars_in(example[index]) if isinstance(n, (int, float)) and not isinstance(n, bool)]
    return found or [0, 1]


def _seen_letters(examples: list[Input], index: int) -> str:
    return "".join(sorted({letter for example in examples for text in texts_in(example[index]) for letter in text}))
