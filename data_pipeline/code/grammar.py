"""The shape of a problem's input text, found from examples: lines of numbers, lists as long as a number says.

A grammar is a sequence of items, perhaps repeated as often as the first line says. All that fit the first example are
tried on the others, and the plainest one that reads every example to its end is taken. It turns texts into named
arguments, so that limits, common properties and generation are those of functions, and arguments into texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_pipeline.code.invariants import scalars_in
from data_pipeline.code.model import Input, kind_of
from data_pipeline.code.naming import Named, name_lines

_INTEGER = re.compile(r"0|-?[1-9]\d{0,30}")
_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,12}")
_MOST_ITEMS = 5
_MOST_SCALARS = 6  # on one line
_MOST_TRIED = 3_000  # grammars
_MOST_LINES = 20_000  # of an example that is read
_FEWEST = 2  # examples, or repetitions, that a shape is believed from


@dataclass(frozen=True, slots=True)
class Item:
    """`scalars`: `width` tokens on a line. `list`: tokens on a line, `rows`: lines of `width` tokens; both `count`.

    `count` is (which scalar, shift), or None for a line of any number of tokens.
    """

    what: str
    width: int = 0
    count: tuple[int, int] | None = None


Lines = list[list[str]]


@dataclass(frozen=True)
class Grammar:
    """`names` and `kinds` of the arguments, in the order of the text. `repeated`: the first line says how often."""

    items: tuple[Item, ...]
    repeated: bool
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    columns: dict[str, list[str]] = field(default_factory=dict)  # of arguments that are rows: the names in a row
    count: str | None = None  # the statement's name for how often it is repeated
    counts: tuple[int, int] = (1, 1)  # the least and the greatest of the examples

    def text(self, blocks: Sequence[Input]) -> str:
        """One input text with these arguments; more than one block only where the grammar is repeated."""
        lines = [str(len(blocks))] if self.repeated else []
        for block in blocks:
            values = iter(block)
            for item in self.items:
                if item.what == "scalars":
                    lines.append(" ".join(_token(next(values)) for _ in range(item.width)))
                elif item.what == "list":
                    lines.append(" ".join(map(_token, next(values))))
                else:
                    rows = next(values)
                    lines += [" ".join(map(_token, row)) if item.width > 1 else _token(row) for row in rows]
        return "\n".join(lines) + "\n"


def _token(value: Any) -> str:
    return str(value)


def infer_grammar(texts: Sequence[str], statement: str) -> tuple[Grammar, list[Input]] | None:
    """The grammar of all `texts` and their arguments (one list a block), or None where none fits or too few show it."""
    examples = [_lines(text) for text in texts]
    if not examples or any(not lines or len(lines) > _MOST_LINES for lines in examples):
        return None
    examples.sort(key=len)
    best: tuple[tuple[int, ...], tuple[Item, ...], bool, list[list[Any]]] | None = None
    for repeated in (True, False):
        if repeated and not all(len(lines[0]) == 1 and _INTEGER.fullmatch(lines[0][0]) for lines in examples):
            continue
        first = examples[-1] if repeated else examples[len(examples) // 2]
        for tried, items in enumerate(_candidates(first, 1 if repeated else 0, repeated)):
            if tried > _MOST_TRIED:
                break
            blocks = _read_all(items, examples, repeated)
            if blocks is None or len(blocks) < _FEWEST:
                continue
            cost = _cost(items, repeated, len(blocks))
            if best is None or cost < best[0]:
                best = (cost, items, repeated, blocks)
    if best is None:
        return None
    _, items, repeated, blocks = best
    values, kinds = _typed(blocks)
    if values is None:
        return None
    named = _names(items, repeated, statement)
    times = [int(lines[0][0]) for lines in examples] if repeated else [1]
    counts = min(times), max(times)
    return Grammar(items, repeated, named.arguments, tuple(kinds), named.columns, named.count, counts), values


def _lines(text: str) -> Lines:
    lines = [line.split() for line in text.strip("\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _cost(items: Sequence[Item], repeated: bool, blocks: int) -> tuple[int, ...]:
    """Less is plainer: no lists of unknown length, then few items; repeated where the text can be read so."""
    loose = sum(item.what == "list" and item.count is None for item in items)
    return loose, not repeated, len(items), -sum(item.count is not None for item in items)


def _candidates(lines: Lines, start: int, repeated: bool) -> Iterator[tuple[Item, ...]]:
    """Item sequences that read `lines` from `start`: to the end, or where repeated to the end of a first block."""
    stack: list[tuple[tuple[Item, ...], int, tuple[int | None, ...]]] = [((), start, ())]
    while stack:
        items, at, scalars = stack.pop()
        if items and (at == len(lines) or repeated):
            yield items
        if at >= len(lines) or len(items) == _MOST_ITEMS:
            continue
        found: list[tuple[tuple[Item, ...], int, tuple[int | None, ...]]] = []
        for item, after, more in _next_items(lines, at, scalars):
            found.append(((*items, item), after, (*scalars, *more)))
        stack += reversed(found)


def _next_items(
    lines: Lines, at: int, scalars: tuple[int | None, ...]
) -> Iterator[tuple[Item, int, tuple[int | None, ...]]]:
    tokens = lines[at]
    if not tokens:
        return
    for index, value in enumerate(scalars):
        if value is None:
            continue
        for shift in (0, -1, 1):
            count = value + shift
            if count == len(tokens) and count > 0:
                yield Item("list", count=(index, shift)), at + 1, ()
            if 0 < count <= len(lines) - at and shift <= 0:
                widths = {len(line) for line in lines[at : at + count]}
                if len(widths) == 1 and (width := widths.pop()) > 0:
                    yield Item("rows", width, (index, shift)), at + count, ()
    if len(tokens) <= _MOST_SCALARS:
        values = tuple(int(token) if _INTEGER.fullmatch(token) else None for token in tokens)
        yield Item("scalars", len(tokens)), at + 1, values
    yield Item("list"), at + 1, ()


def _read_all(items: Sequence[Item], examples: Sequence[Lines], repeated: bool) -> list[list[Any]] | None:
    """The blocks of all examples as tokens, or None where one does not read to its end."""
    blocks: list[list[Any]] = []
    for lines in examples:
        at, times = (1, int(lines[0][0])) if repeated else (0, 1)
        if times < 1 or times > _MOST_LINES:
            return None
        for _ in range(times):
            read = _read_block(items, lines, at)
            if read is None:
                return None
            block, at = read
            blocks.append(block)
        if at != len(lines):
            return None
    return blocks


def _read_block(items: Sequence[Item], lines: Lines, at: int) -> tuple[list[Any], int] | None:
    values: list[Any] = []
    scalars: list[int | None] = []
    for item in items:
        if at > len(lines):
            return None
        count = 1
        if item.count is not None:
            base = scalars[item.count[0]]
            if base is None:
                return None
            count = base + item.count[1]
        if item.what == "rows":
            if count < 0 or at + count > len(lines):
                return None
            rows = lines[at : at + count]
            if any(len(row) != (item.width if item.width else len(rows[0])) for row in rows):
                return None
            values.append([row if item.width > 1 else row[0] for row in rows])
            at += count
            continue
        if at == len(lines):
            return None
        tokens = lines[at]
        at += 1
        if item.what == "scalars":
            if len(tokens) != item.width:
                return None
            values += tokens
            scalars += [int(token) if _INTEGER.fullmatch(token) else None for token in tokens]
        else:
            if item.count is not None and len(tokens) != count:
                return None
            values.append(list(tokens))
    return values, at


def _typed(blocks: Sequence[list[Any]]) -> tuple[list[Input] | None, list[str]]:
    """Blocks with numbers for tokens where all tokens of an argument are numbers; and the kinds of the arguments."""
    columns = [[block[index] for block in blocks] for index in range(len(blocks[0]))]
    kinds: list[str] = []
    for index, column in enumerate(columns):
        tokens = [token for value in column for token in scalars_in(value)]
        if tokens and all(_INTEGER.fullmatch(token) for token in tokens):
            columns[index] = [_convert(value, int) for value in column]
        elif tokens and all(_INTEGER.fullmatch(token) or _DECIMAL.fullmatch(token) for token in tokens):
            columns[index] = [_convert(value, float) for value in column]
        kind = kind_of(columns[index])
        if kind is None:
            return None, []
        kinds.append(kind)
    return [list(block) for block in zip(*columns, strict=True)], kinds


def _convert(value: Any, to: type) -> Any:
    return [_convert(item, to) for item in value] if isinstance(value, list) else to(value)


def _names(items: Sequence[Item], repeated: bool, statement: str) -> Named:
    lines = [("rows" if item.what == "rows" and item.width > 1 else item.what, item.width) for item in items]
    return name_lines(lines, repeated, statement)
