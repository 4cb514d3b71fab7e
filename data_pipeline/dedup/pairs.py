"""Pairs of problems that say nearly the same, and what each pair is: duplicate, variant or label conflict.

One pass reads statements (`PairPass.add`); what is compared later is put down in files, so that the memory holds some
hundred bytes a row, and what grows beside them is the pairs that are found.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import combinations, islice, product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data_pipeline.decontamination.token_ids import PositionArray, TokenArray, Vocabulary
from data_pipeline.decontamination.tokens import blanked, blind, may_hold_blanks
from data_pipeline.dedup.kept import Columns, Lists
from data_pipeline.dedup.minhash import band_hashes, candidate_pairs, jaccard, shingles, token_keys
from data_pipeline.dedup.settings import DedupConfig

SameAnswers = Callable[[Sequence[tuple[str, str]]], Sequence[bool | None]]
RELATIONS = ("exact", "near", "variant", "label_conflict", "unverified")
PAIR_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "other": pl.String(),  # the later row
    "similarity": pl.Float64(),  # Jaccard of the sets of shingles
    "relation": pl.String(),
    "answer": pl.String(),
    "other_answer": pl.String(),
}
_DELIMITERS = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?)\b|\\[\[\]()]|\[/?asy\]")  # brackets of the typesetting
_BRACKETS = re.compile(r"[()\[\]]")
_MOST_ANSWERS = 16  # of one statement, that are compared with each other
_ASKED_AT_ONCE = 100_000  # pairs of answers
_BATCH = 4096  # statements that are read at once


class PairPass:
    """Reads problems batch by batch (`add`) and gives the pairs when all are read (`finish`).

    | relation | statements | answers |
    |---|---|---|
    | `exact` | the same: tokens, brackets and drawing | equal, or none and none |
    | `near` | near, the same numbers in the same order, one with more in front | equal, or none and none |
    | `variant` | near | not equal, or equal beside other numbers or another drawing |
    | `label_conflict` | the same | not equal |
    | `unverified` | near | the verifiers failed |

    Near is a similarity of `similarity` or more, and of `without_answer` where there is no answer. Rows that are the
    same, answers by their characters too, are paired with the first of them, not each with each.
    """

    def __init__(self, settings: DedupConfig, folder: Path) -> None:
        """`folder`: where files for what waits are opened; they are gone with this process."""
        self.settings = settings
        self._vocabulary = Vocabulary(settings.style)
        self._blind: list[int] = [0]  # of each token number that of its token with the letter blind
        self._is_number: list[bool] = [False]
        self._blind_numbers: dict[str, int] = {}
        self._ids: list[pl.Series] = []
        self._answers: list[pl.Series] = []
        self._digests: list[NDArray[np.uint64]] = []
        self._drawings: dict[int, bytes] = {}  # digest of what a row draws
        self._bands = Columns(folder, settings.bands)
        self._shingles, self._numbers = Lists(folder, np.uint64), Lists(folder, np.int32)
        self._rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes the next problems: columns `id`, `prompt`, `answer`."""
        for part in rows.iter_slices(_BATCH):
            self._add(part)

    def _add(self, rows: pl.DataFrame) -> None:
        wanted = self.settings
        prompts, answers = rows["prompt"].to_list(), rows["answer"].to_list()
        read = self._vocabulary.encode(prompts)
        self._learn()
        digests = np.empty((len(rows), 4), np.uint64)  # of the statement, and of the answer
        for place, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            drawing = _drawing(prompt, wanted.style)
            if drawing:
                self._drawings[self._rows + place] = _digest(drawing)
            digests[place] = np.frombuffer(
                _digest(f"{''.join(_BRACKETS.findall(_DELIMITERS.sub('', prompt)))}\0{drawing}", read[place].tobytes())
                + _digest("" if answer is None else f"={answer.strip()}"),
                np.uint64,
            )
        self._digests.append(digests)
        is_number = np.array(self._is_number)[read.ids]
        self._numbers.add(read.ids[is_number], np.cumsum(is_number)[read.ends])
        letters_blind = TokenArray(np.array(self._blind, np.int32)[read.ids], read.starts, read.ends)
        keys = token_keys(len(self._blind_numbers), wanted.seed)
        self._bands.add(band_hashes(letters_blind, wanted.shingle, keys, wanted.bands, wanted.rows, wanted.seed))
        hashes, ends = shingles(letters_blind, wanted.shingle, keys)
        self._shingles.add(hashes, ends[1:])
        self._ids.append(rows["id"])
        self._answers.append(rows["answer"])
        self._rows += len(rows)

    def _learn(self) -> None:
        """Takes note of the tokens that the last texts brought."""
        for token in islice(self._vocabulary.tokens, len(self._blind) - 1, None):
            self._blind.append(self._blind_numbers.setdefault(blind(token), len(self._blind_numbers) + 1))
            self._is_number.append(token[0].isdigit())

    def finish(self, same_answers: SameAnswers) -> pl.DataFrame:
        """The pairs, with the columns of `PAIR_COLUMNS`, in the order of their rows."""
        if not self._rows:
            return pl.DataFrame(schema=PAIR_COLUMNS)
        ids, answers = pl.concat(self._ids), pl.concat(self._answers)
        digests = np.concatenate(self._digests)
        statement, of_statement = _numbered(digests[:, :2])
        # A node is all rows with the same statement and the same characters as answer.
        node, of_node = _numbered(np.column_stack([statement.astype(np.uint64), digests[:, 2:]]))
        again = np.flatnonzero(of_node[node] != np.arange(self._rows))
        found: list[tuple[NDArray[Any], ...]] = [
            (of_node[node[again]], again, np.ones(len(again)), np.full(len(again), RELATIONS.index("exact")))
        ]
        between = self._between(statement, of_statement, of_node)
        while part := list(islice(between, _ASKED_AT_ONCE)):
            found.append(self._related(part, statement, answers, same_answers))
        one, other, similarity, relation = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort([other, one])
        one, other = one[order], other[order]
        names = np.array(RELATIONS, object)[relation[order].astype(np.int64)]
        return pl.DataFrame(
            {
                "id": ids.gather(one),
                "other": ids.gather(other),
                "similarity": similarity[order],
                "relation": pl.Series(names.tolist(), dtype=pl.String),
                "answer": answers.gather(one),
                "other_answer": answers.gather(other),
            },
            schema=PAIR_COLUMNS,
        )

    def _between(
        self, statement: PositionArray, of_statement: PositionArray, of_node: PositionArray
    ) -> Iterator[tuple[int, int, float]]:
        """(row, row, similarity) of nodes with the same statement or near ones, each node by its first row."""
        first_rows = of_node[np.argsort(statement[of_node], kind="stable")]
        starts = np.searchsorted(statement[first_rows], np.arange(len(of_statement) + 1))

        def nodes(number: int) -> list[int]:
            listed: list[int] = first_rows[
                starts[number] : min(starts[number + 1], starts[number] + _MOST_ANSWERS)
            ].tolist()
            return listed

        for number in np.flatnonzero(np.diff(starts) > 1).tolist():
            yield from ((one, other, 1.0) for one, other in combinations(nodes(number), 2))
        bands = (self._bands.column(band)[of_statement] for band in range(self.settings.bands))
        pairs = candidate_pairs(bands)
        similarity = jaccard(lambda number: self._shingles[of_statement[number]], pairs)
        least = min(self.settings.similarity, self.settings.without_answer)
        near = similarity >= least
        for (first, second), value in zip(pairs[near].tolist(), similarity[near].tolist(), strict=True):
            yield from ((one, other, value) for one, other in product(nodes(first), nodes(second)))

    def _related(
        self, pairs: Sequence[tuple[int, int, float]], statement: PositionArray, answers: pl.Series,
        same_answers: SameAnswers,
    ) -> tuple[NDArray[Any], ...]:  # fmt: skip
        """(rows, later rows, similarities, numbers in `RELATIONS`) of those pairs that have a relation."""
        one_rows, other_rows = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        first, second = (answers.gather(rows).to_list() for rows in (one_rows, other_rows))
        asked = [
            (one, other) for one, other in zip(first, second, strict=True) if one is not None and other is not None
        ]
        equal = iter(same_answers(asked))
        found: list[tuple[int, int, float, int]] = []
        for (one, other, similarity), answer, other_answer in zip(pairs, first, second, strict=True):
            same = bool(statement[one] == statement[other])
            agree = same or self._agree(one, other)
            if answer is None and other_answer is None:
                relation = "near" if agree and similarity >= self.settings.without_answer else None
            elif answer is None or other_answer is None:
                relation = None
            else:
                relation = _relation(same, agree, next(equal))
            if relation is not None:
                found.append((min(one, other), max(one, other), similarity, RELATIONS.index(relation)))
        columns = zip(*found, strict=True) if found else ((), (), (), ())
        kinds = (np.int64, np.int64, np.float64, np.int64)
        return tuple(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))

    def _agree(self, one: int, other: int) -> bool:
        """Whether numbers and drawings say the same: a numbering may stand in front, and a drawing may be left out."""
        drawing, other_drawing = self._drawings.get(one), self._drawings.get(other)
        if drawing and other_drawing and drawing != other_drawing:
            return False
        longer, shorter = sorted((self._numbers[one], self._numbers[other]), key=len, reverse=True)
        return np.array_equal(longer[len(longer) - len(shorter) :], shorter)


def near_pairs(rows: pl.DataFrame, settings: DedupConfig, same_answers: SameAnswers) -> pl.DataFrame:
    """The pairs among `rows` (columns `id`, `prompt`, `answer`); see `PairPass`."""
    with tempfile.TemporaryDirectory() as folder:
        reading = PairPass(settings, Path(folder))
        reading.add(rows)
        return reading.finish(same_answers)


def _relation(same_statement: bool, agree: bool, same_answer: bool | None) -> str:
    if same_answer is None:
        return "unverified"
    if same_statement:
        return "exact" if same_answer else "label_conflict"
    return "near" if same_answer and agree else "variant"


def _numbered(keys: NDArray[np.uint64]) -> tuple[PositionArray, PositionArray]:
    """(number of each row's key, first row of each number): equal keys have one number, by their first rows."""
    order = np.lexsort(keys.T)
    new = np.concatenate([[True], (keys[order[1:]] != keys[order[:-1]]).any(axis=1)])
    firsts = order[new]  # the sort is stable
    place = np.empty(len(firsts), np.int64)
    place[np.argsort(firsts)] = np.arange(len(firsts))
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = place[np.cumsum(new) - 1]
    return numbers, np.sort(firsts)


def _digest(text: str, before: bytes = b"") -> bytes:
    return blake2b(before + b"\0" + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _drawing(prompt: str, style: str) -> str:
    """What `tokens` leaves out of a statement, without its spaces."""
    if not may_hold_blanks(prompt, style):
        return ""
    shown = blanked(prompt, style)
    return "".join(char for char, kept in zip(prompt, shown, strict=True) if char != kept and not char.isspace())
