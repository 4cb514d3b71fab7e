"""What is known about the input of a problem: types, stated limits, and what all examples have in common.

An input is a list of named arguments: those of a function, or the variables that a grammar finds in a text. `accepts`
is the guard of generated inputs. It takes nothing that a stated limit or a common property of the examples forbids, so
it refuses too much rather than too little: few examples have much in common by chance.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_pipeline.code.constraints import Bound, Constraints, Limit
from data_pipeline.code.invariants import Invariant, invariants_of, scalars_in

Input = list[Any]

_MOST = 10**30


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an input numbers stand. `what`: value, length, item, item_length, inner (items of items), column."""

    argument: int
    what: str
    column: int = 0


@dataclass
class InputModel:
    """`bounds`: limits by place; `equal`: places of sizes and values that are always the same number."""

    names: list[str]
    kinds: list[str]  # int, float, bool, str, or list[...] of one
    bounds: dict[Place, Bound]
    equal: list[tuple[Place, Place | int]]
    alphabets: dict[int, str]
    chosen: set[int]
    invariants: list[Invariant]
    examples: list[Input]
    aliases: dict[str, Place] = field(default_factory=dict)
    rows: dict[int, list[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)  # examples that break a stated limit, and teach nothing

    def environment(self, given: Input) -> dict[str, int]:
        """The numbers that names of the statement stand for in one input."""
        found: dict[str, int] = {}
        for name, value in zip(self.names, given, strict=True):
            if isinstance(value, int) and not isinstance(value, bool):
                found[name] = value
            elif isinstance(value, (list, str)):
                found[f"{name}.length"] = found[f"|{name}|"] = found[f"len({name})"] = len(value)
                if isinstance(value, list) and value and isinstance(value[0], (list, str)):
                    found[f"{name}[i].length"] = found[f"{name}[0].length"] = len(value[0])
        for name, place in self.aliases.items():
            numbers = list(numbers_at(given, place))
            if numbers:
                found.setdefault(name, int(numbers[0]))
        return found

    def within(self, place: Place, given: Input, environment: dict[str, int]) -> tuple[int | None, int | None]:
        """The least and greatest number at a place, as far as the names in its limits are known."""
        bound = self.bounds.get(place, Bound())
        return evaluate(bound.low, environment), evaluate(bound.high, environment)

    def accepts(self, given: Input) -> bool:
        """Whether an input keeps every limit and every common property."""
        try:
            return (
                len(given) == len(self.kinds)
                and all(is_kind(value, kind) for value, kind in zip(given, self.kinds, strict=True))
                and self._keeps_bounds(given)
                and self._keeps_equalities(given)
                and self._keeps_alphabets(given)
                and self._keeps_choices(given)
                and all(invariant.holds(given) for invariant in self.invariants)
            )
        except (TypeError, ValueError, IndexError, RecursionError, OverflowError):
            return False

    def _keeps_bounds(self, given: Input) -> bool:
        environment = self.environment(given)
        for place, bound in self.bounds.items():
            for number, names in _numbers_and_rows(given, place, self.rows):
                low, high = evaluate(bound.low, environment | names), evaluate(bound.high, environment | names)
                if (low is not None and number < low) or (high is not None and number > high):
                    return False
        return True

    def _keeps_equalities(self, given: Input) -> bool:
        for place, other in self.equal:
            numbers = set(numbers_at(given, place))
            numbers |= {other} if isinstance(other, int) else set(numbers_at(given, other))
            if len(numbers) > 1:
                return False
        return True

    def _keeps_alphabets(self, given: Input) -> bool:
        return all(
            not set(text) - set(alphabet)
            for index, alphabet in self.alphabets.items()
            for text in texts_in(given[index])
        )

    def _keeps_choices(self, given: Input) -> bool:
        """What is said to be one of a few values is one that some example has."""
        return all(set(scalars_in(given[index])) <= values for index, values in self._choices.items())

    @functools.cached_property
    def _choices(self) -> dict[int, set[Any]]:
        """By argument that is one of a few values: those that the examples have. Texts are known by their letters."""
        return {
            index: {item for example in self.examples for item in scalars_in(example[index])}
            for index in self.chosen
            if not self.kinds[index].endswith("str") and "str]" not in self.kinds[index]
        }


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a value."""
    return (item for item in scalars_in(value) if isinstance(item, str))


def is_kind(value: Any, kind: str) -> bool:
    """Whether a value has the type that `kind` names."""
    if kind.startswith("list["):
        return isinstance(value, list) and all(is_kind(item, kind[5:-1]) for item in value)
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"str": str, "bool": bool}[kind])


def kind_of(values: Sequence[Any]) -> str | None:
    """The type that all values have, or None where they have none in common that can be generated."""
    if all(isinstance(value, bool) for value in values):
        return "bool"
    for kind in ("int", "float", "str"):
        if all(is_kind(value, kind) for value in values):
            return kind
    if all(isinstance(value, list) for value in values):
        items = [item for value in values for item in value]
        inner = kind_of(items) if items else None
        return f"list[{inner}]" if inner else None
    return None


_ANNOTATION = {"int": "int", "float": "float", "str": "str", "bool": "bool"}


def kind_of_annotation(annotation: str) -> str | None:
    """`List[List[int]]` -> `list[list[int]]`; None for a type that cannot be generated."""
    text = annotation.replace(" ", "")
    found = re.fullmatch(r"(?:typing\.)?(?:List|list)\[(.*)\]", text)
    if found:
        inner = kind_of_annotation(found[1])
        return f"list[{inner}]" if inner else None
    return _ANNOTATION.get(text)


Number = int | float


def numbers_at(given: Input, place: Place) -> Iterator[Number]:
    """The numbers that stand at a place of an input."""
    for number, _ in _numbers_and_rows(given, place, {}):
        yield number


def _numbers_and_rows(
    given: Input, place: Place, rows: dict[int, list[str]]
) -> Iterator[tuple[Number, dict[str, int]]]:
    value = given[place.argument]
    if place.what == "value":
        if isinstance(value, (int, float)):
            yield value, {}
    elif place.what == "length":
        yield len(value), {}
    elif place.what == "item":
        yield from ((number, {}) for number in _leaves(value))
    elif place.what == "item_length":
        yield from ((len(item), {}) for item in value)
    elif place.what == "inner":
        yield from ((number, {}) for item in value for number in _leaves(item))
    else:
        names = rows.get(place.argument, [])
        for row in value:
            if place.column < len(row) and isinstance(row[place.column], (int, float)):
                yield row[place.column], {n: v for n, v in zip(names, row, strict=False) if isinstance(v, int)}


def _leaves(value: Any) -> Iterator[Number]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def evaluate(limit: Limit | None, environment: dict[str, int]) -> int | None:
    """A limit as a number, where every name in it is known; else None. Nothing but small arithmetic is done."""
    if limit is None or isinstance(limit, int):
        return limit
    pieces, names = _names_in(limit)
    try:
        numbers = [str(environment[name]) for name in names]
    except KeyError:
        return None
    return _value("".join(f"{piece}({number})" for piece, number in zip(pieces, numbers, strict=False)) + pieces[-1])


_NAME_IN_LIMIT = re.compile(r"\|\w+\||len\(\w+\)|(?!(?:min|max|floor)\()[A-Za-z]\w*(?:\[\w*\])*(?:\.length)?(?![\w(])")


@functools.lru_cache(maxsize=4096)
def _names_in(limit: str) -> tuple[list[str], list[str]]:
    """(what stands between the names, the names) of a limit."""
    return _NAME_IN_LIMIT.split(limit), _NAME_IN_LIMIT.findall(limit)


@functools.lru_cache(maxsize=65_536)
def _value(text: str) -> int | None:
    try:
        return _reckon(ast.parse(text.replace("^", "**").strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, ZeroDivisionError):
        return None


def _reckon(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int() as value) if abs(value) < _MOST:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_reckon(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _reckon(left), _reckon(right)
            if abs(base) <= 10 and 0 <= power <= 20:
                return int(base**power)
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _reckon(left), _reckon(right)
            known: dict[type[ast.operator], Callable[[int, int], int]] = {
                ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b,
                ast.Mult: lambda a, b: a * b, ast.FloorDiv: lambda a, b: a // b, ast.Div: lambda a, b: a // b,
            }  # fmt: skip
            if type(op) in known:
                return known[type(op)](first, second)
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=[_, *_] as arguments):
            return {"min": min, "max": max}[name](*(_reckon(one) for one in arguments), *(_reckon(arguments[0]),))
    raise ValueError("not small arithmetic")


# ---- from what was read in the statement to places


def build_model(
    names: Sequence[str], kinds: Sequence[str], constraints: Constraints, examples: Sequence[Input], statement: str
) -> InputModel:
    """The model of a problem's input. What the statement says of names that are not found goes to `unread`; a limit
    that an example breaks was misread, and is left out and reported there as well."""
    found = _Finder(list(names), list(kinds), constraints)
    model = InputModel(
        list(names), list(kinds), {}, [], {}, set(), [], list(examples), unread=list(constraints.unread),
    )  # fmt: skip
    model.rows = {found.index[name]: parts for name, parts in constraints.rows.items() if name in found.index}
    model.aliases = found.aliases
    for first, second in constraints.equal:
        places = found.place(first), found.place(second)
        if places[0] is None or (places[1] is None and not second.isdigit()):
            model.unread.append(f"{first} == {second}")
        elif places[0] != places[1]:
            model.equal.append((places[0], places[1] if places[1] is not None else int(second)))
    for name, bound in constraints.bounds.items():
        place = found.place(name)
        if place is None:
            model.unread.append(f"limits of {name}")
        else:
            model.bounds[place] = bound
    for name, alphabet in constraints.alphabets.items():
        index = found.index.get(name.partition("[")[0])
        if index is None:
            model.unread.append(f"letters of {name}")
        elif "str" in kinds[index]:
            model.alphabets[index] = alphabet
    model.chosen = {found.index[n.partition("[")[0]] for n in constraints.chosen if n.partition("[")[0] in found.index}
    _judge_limits(model)
    model.examples = [example for index, example in enumerate(examples) if index not in model.outside]
    values = {place.argument for place in model.bounds if place.what != "length" or "str" in kinds[place.argument]}
    model.invariants = invariants_of(kinds, model.examples, statement, values)
    _keep_to_examples(model)
    shared = {invariant.name for invariant in model.invariants}
    model.unread = [line for line in model.unread if not _is_settled(line, shared)]
    return model


# A promise that no rule reads is kept all the same where all examples have the property that it speaks of.
_SETTLED_BY = (
    (r"\btree\b", {"a tree"}), (r"\bconnected\b", {"a connected graph"}),
    (r"permutation", {"permutation from 0", "permutation from 1"}),
    (r"acyclic|\bDAG\b|no (?:directed )?cycles?", {"acyclic"}), (r"mountain", {"rises then falls"}),
    (r"valid parenthes|balanced", {"balanced"}), (r"leading zero", {"no leading zero"}),
    (r"leading or trailing (?:space|blank)", {"no blank at an end"}), (r"symmetric", {"symmetric"}),
    (r"\b(?:unique|distinct|duplicates?|repeated|different)\b",
     {"distinct", "pairs once whatever the order", "rows distinct inside", "firsts distinct"}),
    (r"\.length == \w+ [+-] 1$", {"length is one less", "length is one more"}),
    (r"divisible|multiple of", {"length is a multiple", "divides"}), (r"anagram|rearrang", {"same letters"}),
)  # fmt: skip


def _is_settled(line: str, shared: set[str]) -> bool:
    if re.search(r"\b(?:answers?|solutions?)\b", line, re.I):
        return False  # of what comes out: no property of the input says so
    return any(names & shared for pattern, names in _SETTLED_BY if re.search(pattern, line, re.I))


def _keep_to_examples(model: InputModel) -> None:
    """Where nothing is said of the least or the greatest number at a place, the examples' stands in for it."""
    for one in model.invariants:
        if one.name == "length is":
            length, number = Place(one.arguments[0], "length"), Place(one.arguments[1], "value")
            if length not in model.bounds and number in model.bounds:
                model.bounds[length] = model.bounds[number]
    for index, kind in enumerate(model.kinds):
        places = [Place(index, "value")] if kind in ("int", "float") else []
        if kind == "str" or kind.startswith("list["):
            places.append(Place(index, "length"))
        if kind.startswith("list[list[") or kind == "list[str]":
            places.append(Place(index, "item_length"))
        if kind.startswith("list[") and "str" not in kind and "bool" not in kind:
            inner = kind.startswith("list[list[") and Place(index, "item") not in model.bounds
            places.append(Place(index, "inner" if inner else "item"))
        limited = {place.column for place in model.bounds if place.argument == index and place.what == "column"}
        for place in places:
            numbers = [number for example in model.examples for number in numbers_at(example, place)]
            bound = model.bounds.get(place, Bound())
            if not numbers or (place.what in ("inner", "item") and limited and len(limited) >= _width(model, index)):
                continue
            low = bound.low if bound.low is not None else int(min(numbers))
            high = bound.high if bound.high is not None else -int(-max(numbers) // 1)
            if not _tied(model, place):
                model.bounds[place] = Bound(low, high)


def _tied(model: InputModel, place: Place) -> bool:
    """Whether the number at a place follows from another one, which has limits of its own."""
    return any(place in pair for pair in model.equal) or (
        place.what == "value"
        and any(place.argument == one.arguments[-1] and one.name.startswith("length is") for one in model.invariants)
    )


def _width(model: InputModel, index: int) -> int:
    return max((len(row) for example in model.examples for row in example[index]), default=0)


_FEW_EXAMPLES = 8  # fewer are taken to be right: a limit that one of them breaks was misread
_MOST_OUTSIDE = 0.3  # of many examples; more than that cannot all be wrong


def _judge_limits(model: InputModel) -> None:
    """Leaves out limits that were misread, and notes the examples that break the others."""
    outside: set[int] = set()

    def stands(what: str, **part: Any) -> bool:
        fields: dict[str, Any] = {"bounds": {}, "equal": [], "alphabets": {}} | part
        alone = InputModel(model.names, model.kinds, chosen=set(), invariants=[], examples=[], **fields)
        alone.aliases, alone.rows = model.aliases, model.rows
        broken = {index for index, example in enumerate(model.examples) if not alone.accepts(example)}
        if broken and (len(model.examples) < _FEW_EXAMPLES or len(broken) > _MOST_OUTSIDE * len(model.examples)):
            model.unread.append(f"{what}, which {len(broken)} of {len(model.examples)} examples break")
            return False
        outside.update(broken)
        return True

    def name(place: Place) -> str:
        return f"{place.what} of {model.names[place.argument]}"

    model.bounds = {
        place: bound
        for place, bound in model.bounds.items()
        if stands(f"limits {bound.low}..{bound.high} of the {name(place)}", bounds={place: bound})
    }
    model.equal = [pair for pair in model.equal if stands(f"an equality with the {name(pair[0])}", equal=[pair])]
    model.alphabets = {
        index: letters
        for index, letters in model.alphabets.items()
        if stands(f"letters of {model.names[index]}", alphabets={index: letters})
    }
    if len(outside) > _MOST_OUTSIDE * len(model.examples):
        model.unread.append(f"limits that {len(outside)} of {len(model.examples)} examples break")
        outside.clear()
    model.outside = sorted(outside)


class _Finder:
    """Which place a name of the statement stands for."""

    def __init__(self, names: list[str], kinds: list[str], constraints: Constraints) -> None:
        self.index = {name: index for index, name in enumerate(names)}
        self.kinds = kinds
        self.columns: dict[str, Place] = {}
        self.aliases: dict[str, Place] = {}
        for name, parts in constraints.rows.items():
            if name in self.index and kinds[self.index[name]].startswith("list[list["):
                for column, part in enumerate(parts):
                    self.columns.setdefault(part, Place(self.index[name], "column", column))
        for first, second in constraints.equal:
            for name, other in ((first, second), (second, first)):
                place = self.place(other)
                if self.place(name) is None and place is not None and re.fullmatch(r"[A-Za-z]\w*", name):
                    self.aliases[name] = place

    def place(self, name: str) -> Place | None:
        name = name.strip()
        if name in self.aliases:
            return self.aliases[name]
        if name in self.index:
            index = self.index[name]
            return Place(index, "value") if self.kinds[index] in ("int", "float") else None
        if name in self.columns:
            return self.columns[name]
        length = re.fullmatch(r"(?:\|(\w+)\||len\((\w+)\)|(\w+)\.(?:length|size\(\)))", name)
        if length:
            return self._of(next(filter(None, length.groups())), "length")
        length = re.fullmatch(r"(\w+)\[\w+\]\.(?:length|size\(\))|\|(\w+)(?:\[\w+\]|_\w+)\|", name)
        if length:
            return self._of(next(filter(None, length.groups())), "item_length")
        item = re.fullmatch(r"(\w+)\[(?:\w+)\]|([A-Za-z]+\d*)_[a-z](?:[+-]\d)?", name)
        if item:
            return self._of(next(filter(None, item.groups())), "item")
        inner = re.fullmatch(r"(\w+)\[\w+\]\[(\w+)\]", name)
        if inner and inner[2].isdigit() and inner[1] in self.index and len(inner[2]) < 3:
            return Place(self.index[inner[1]], "column", int(inner[2]))
        if inner:
            return self._of(inner[1], "inner")
        return None

    def _of(self, name: str, what: str) -> Place | None:
        index = self.index.get(name)
        if index is None:
            return None
        kind = self.kinds[index]
        fits = {
            "length": kind.startswith("list[") or kind == "str",
            "item_length": kind.startswith("list[list[") or kind == "list[str]",
            "item": kind.startswith("list[") and "str" not in kind and "bool" not in kind,
            "inner": kind.startswith("list[list[") and "str" not in kind and "bool" not in kind,
        }[what]
        return Place(index, what) if fits else None
