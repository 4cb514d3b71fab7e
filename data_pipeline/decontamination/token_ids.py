"""Texts as arrays of token numbers: the form in which n-grams are hashed and compared.

A number stands for exactly one token; it is no hash. Numbers begin at 1. 0 is a token that the vocabulary does not
have, and it also stands after every text, so that no n-gram with a 0 in it need be looked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_pipeline.decontamination.tokens import READERS, blanked, blind, may_hold_blanks

IntArray = NDArray[np.int32]
PositionArray = NDArray[np.int64]

_REMEMBERED = 400_000  # words whose reading is kept from one call to the next; some 200 bytes each, so 80 MB
_END = 0  # number of the word that stands after every text; its only token is -1


@dataclass(frozen=True)
class TokenArray:
    """Texts one after another: text i is `ids[starts[i]:ends[i]]`, followed by a 0."""

    ids: IntArray  # shape (tokens + texts,)
    starts: PositionArray  # shape (texts,)
    ends: PositionArray  # shape (texts,)

    @property
    def lengths(self) -> PositionArray:
        """Tokens of each text."""
        return self.ends - self.starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, text: int) -> IntArray:
        return self.ids[self.starts[text] : self.ends[text]]


class Vocabulary:
    """Numbers of tokens, in the order in which the tokens were first seen.

    `encode` adds what it does not know until `freeze` is called; afterwards it gives unknown tokens the number 0 and
    its memory no longer grows. `letters_blind`: see `tokens.blind`.
    """

    def __init__(self, style: str, letters_blind: bool = False) -> None:
        self.style = style
        read = READERS[style]
        self._words = _Words((lambda word: tuple(map(blind, read(word)))) if letters_blind else read)

    def __len__(self) -> int:
        return len(self._words.numbers)

    def freeze(self) -> None:
        """From here on the vocabulary stays as it is."""
        self._words.frozen = True

    @property
    def tokens(self) -> Iterable[str]:
        """All tokens in the order of their numbers, from 1 on."""
        return self._words.numbers

    def tokens_of(self, ids: Sequence[int]) -> list[str]:
        """The tokens of numbers above 0."""
        listed = list(self._words.numbers)
        return [listed[number - 1] for number in ids]

    def encode(self, texts: Sequence[str]) -> TokenArray:
        """The texts' token numbers, drawings left out."""
        if may_hold_blanks("\n".join(texts), self.style):
            texts = [blanked(text, self.style) for text in texts]
        words = pc.utf8_split_whitespace(_arrow_texts(texts))  # by the same white space as str.split
        each = words.flatten().dictionary_encode()  # the different words, and which of them each word is
        known = self._words
        numbers = np.fromiter(map(known.__getitem__, each.dictionary.to_pylist()), np.int32, len(each.dictionary))
        ends = words.offsets.to_numpy()[1:] - words.offsets[0].as_py()
        ids = known.tokens_of(np.insert(numbers[each.indices.to_numpy()], ends, _END))
        after = np.flatnonzero(ids < 0)
        ids[after] = 0
        starts = np.concatenate([[0], after[:-1] + 1]) if len(after) else after
        if len(known) > _REMEMBERED:
            known.forget()
        return TokenArray(ids, starts.astype(np.int64), after.astype(np.int64))


def _arrow_texts(texts: Sequence[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:  # half a surrogate pair, which no word of a language holds
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.large_string())


class _Words(dict[str, int]):
    """Words by number, in the order in which they were asked for; `tokens_of` has the token numbers of each.

    Arrow finds the different words of many texts, so each is looked up here once; the rest is NumPy's.
    """

    def __init__(self, read: Callable[[str], tuple[str, ...]]) -> None:
        super().__init__()
        self.read = read
        self.numbers: dict[str, int] = {}
        self.frozen = False
        self.forget()

    def forget(self) -> None:
        """Starts anew with the words; the numbers of tokens stay."""
        self.clear()
        self[""] = 1  # what Arrow puts before and after white space at the ends of a text; it has no token
        self.ids, self.ends = array("i", [-1]), array("q", [1, 1])  # of word w: ids[ends[w - 1]:ends[w]]

    def __missing__(self, word: str) -> int:
        known = self.numbers
        if self.frozen:
            self.ids.extend([known.get(token, 0) for token in self.read(word)])
        else:
            self.ids.extend([known.setdefault(token, len(known) + 1) for token in self.read(word)])
        number = self[word] = len(self.ends)
        self.ends.append(len(self.ids))
        return number

    def tokens_of(self, words: IntArray) -> IntArray:
        """The token numbers of words, one word after another."""
        ends = np.array(self.ends, np.int64)
        starts = np.concatenate([[0], ends[:-1]])
        counts = (ends - starts)[words]
        before = np.cumsum(counts) - counts
        place = np.repeat(starts[words] - before, counts)
        place += np.arange(len(place))
        return np.array(self.ids, np.int32)[place]
