"""Benchmark items: what problems are compared with, and the n-grams in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acereason.errors import InputError
from acereason.problems import Problem
from data_pipeline.decontamination.ngrams import NgramTable
from data_pipeline.decontamination.prose import prose_of
from data_pipeline.decontamination.token_ids import TokenArray, Vocabulary
from data_pipeline.decontamination.tokens import STYLES, spans

PROSE = " (prose)"  # behind the name of an item, where it is its words alone
_FEWEST_PROSE = 8  # tokens: fewer words are no task that one would know again
_MOST_PROSE = 0.9  # of the tokens of the whole; more is the whole


@dataclass(frozen=True)
class Item:
    """One question of a benchmark."""

    benchmark: str
    item: str  # its name within the benchmark
    text: str
    prose: bool = False  # its words alone; the whole is another item


class ItemIndex:
    """All items of all benchmarks, by n-gram. Items of fewer than n tokens are kept whole, by length."""

    def __init__(self, items: Sequence[Item], n: int, style: str, letters_blind: bool = True) -> None:
        """`style`, `letters_blind`: see `tokens`. Raises `InputError` where there are no items, or one has no token."""
        if style not in STYLES:
            raise ValueError(f"style {style!r} is not one of {', '.join(STYLES)}")
        if n < 2:
            raise ValueError(f"n must be at least 2, got {n}")
        if not items:
            raise InputError("decontamination: there are no benchmark items to compare with")
        self.items, self.n, self.style = tuple(items), n, style
        self.vocabulary = Vocabulary(style, letters_blind)
        self.tokens: TokenArray = self.vocabulary.encode([item.text for item in items])
        self.vocabulary.freeze()
        lengths = self.tokens.lengths
        if not lengths.all():
            empty = self.items[int(np.argmin(lengths))]
            raise InputError(f"decontamination: {empty.benchmark}, {empty.item}: has no word to compare")
        self.tables: dict[int, NgramTable] = {
            int(length): self._table(int(length), lengths == length if length < n else lengths >= n)
            for length in sorted({*lengths[lengths < n].tolist(), n})
        }

    def _table(self, length: int, wanted: np.ndarray) -> NgramTable:  # type: ignore[type-arg]
        """The n-grams of the wanted items alone; those of the others are hidden behind zeros."""
        owners = np.repeat(np.arange(len(self.items), dtype=np.int32), self.tokens.lengths + 1)
        ids = np.where(wanted[owners], self.tokens.ids, 0).astype(np.int32)
        return NgramTable(ids, owners, length, len(self.vocabulary))


def item_of(problem: Problem, without_prompt: bool = False) -> Item:
    """A benchmark's problem as an item; code given with it is a part of what is asked."""
    parts = [] if without_prompt else [problem.prompt]
    return Item(problem.source, problem.id, "\n".join([*parts, problem.starter_code or ""]).strip())


def items_of(problems: Sequence[Problem]) -> list[Item]:
    """The problems of one benchmark as items. A prompt that all share is an instruction, so it is left out."""
    shared = len(problems) > 1 and len({problem.prompt for problem in problems}) == 1
    return [item_of(problem, without_prompt=shared and bool(problem.starter_code)) for problem in problems]


def with_prose(items: Sequence[Item], style: str) -> list[Item]:
    """The items and, for programming tasks, behind each one its words alone, where that is another text."""
    found = []
    for item in items:
        found.append(item)
        words = prose_of(item.text) if style == "code" else ""
        if _FEWEST_PROSE <= len(spans(words, style)) <= _MOST_PROSE * len(spans(item.text, style)):
            found.append(Item(item.benchmark, item.item + PROSE, words, prose=True))
    return found
