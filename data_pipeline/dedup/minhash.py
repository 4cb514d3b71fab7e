"""MinHash signatures and locality-sensitive hashing of token arrays, in NumPy.

With `bands` of `rows` MinHashes, two statements whose shingle sets have Jaccard similarity s share at least one band
with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4). A band
only proposes a pair; its similarity is then computed exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_pipeline.decontamination.ngrams import HashArray, window_hashes
from data_pipeline.decontamination.token_ids import PositionArray, TokenArray

_TOKENS_AT_ONCE = 1_000_000
_SMALL_GROUP = 32  # statements in a bucket that are all compared with each other
_NEXT = 8  # in a larger bucket, each one with so many that follow it
_SETS = 4096  # of shingles that are remembered
_MIX = np.uint64(0xFF51AFD7ED558CCD)


def collision_probability(similarity: float, bands: int, rows: int) -> float:
    """Probability that two statements of this Jaccard similarity are compared."""
    return float(1.0 - (1.0 - similarity**rows) ** bands)


def token_keys(count: int, seed: int) -> HashArray:
    """A random number for each token number up to `count`, the same whatever the count; shape (count + 1,).

    By SplitMix64 (Steele, Lea, Flood 2014), so that a vocabulary may grow while texts are read.
    """
    state = (np.arange(1, count + 2, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))


def shingles(tokens: TokenArray, length: int, keys: HashArray) -> tuple[HashArray, PositionArray]:
    """(hashes of all shingles, text after text, and where each text's begin); shapes (shingles,), (texts + 1,).

    A text with fewer tokens than `length` has one shingle, itself; one without tokens has one too, the empty one.
    `keys`: a random number for each token number; number 0 is hashed too, as the end of a text.
    """
    lengths = tokens.lengths
    counts = np.maximum(lengths - length + 1, 1)
    ends = np.concatenate([[0], np.cumsum(counts)])
    padded = np.concatenate([tokens.ids, np.zeros(length, np.int32)])
    place = np.repeat(tokens.starts - ends[:-1], counts) + np.arange(ends[-1])
    hashes = window_hashes(padded, length, keys)[place]
    for text in np.flatnonzero(lengths < length):  # its window would reach into the next text
        alone = np.concatenate([tokens[int(text)], np.zeros(length - lengths[text], np.int32)])
        hashes[ends[text]] = window_hashes(alone, length, keys)[0]
    return hashes, ends


def band_hashes(
    tokens: TokenArray, length: int, keys: HashArray, bands: int, rows: int, seed: int
) -> NDArray[np.uint64]:
    """One number a text and band, equal where all MinHashes of the band are; shape (texts, bands)."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(1, 1 << 63, bands * rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 1 << 63, bands * rows, dtype=np.uint64)
    found = np.zeros((len(tokens), bands), np.uint64)
    for part in _parts(tokens):
        hashes, ends = shingles(part[1], length, keys)
        hashes = _mixed(hashes)
        for number in range(bands * rows):
            values = hashes * factors[number]
            values += offsets[number]
            values >>= np.uint64(32)
            least = np.minimum.reduceat(values, ends[:-1])
            band = found[part[0], number // rows]
            band *= _MIX
            band += least + np.uint64(1)
    return found


def _mixed(hashes: HashArray) -> HashArray:
    """The same numbers with every bit depending on every other: polynomial hashes alone are too regular."""
    hashes = hashes ^ (hashes >> np.uint64(33))
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    return hashes


def _parts(tokens: TokenArray) -> list[tuple[slice, TokenArray]]:
    """The texts in parts of about `_TOKENS_AT_ONCE` tokens."""
    found, begin = [], 0
    while begin < len(tokens):
        last = int(tokens.starts[begin]) + _TOKENS_AT_ONCE
        end = max(begin + 1, int(np.searchsorted(tokens.ends, last, side="right")))
        first = int(tokens.starts[begin])
        ids = tokens.ids[first : int(tokens.ends[end - 1]) + 1]
        found.append(
            (slice(begin, end), TokenArray(ids, tokens.starts[begin:end] - first, tokens.ends[begin:end] - first))
        )
        begin = end
    return found


def candidate_pairs(bands: Iterable[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """Pairs of texts that share a band, each once, smaller number first, ascending; shape (pairs, 2).

    `bands`: the hashes of all texts, band by band; one at a time is held. In a bucket of more than `_SMALL_GROUP`
    texts, which a template makes, each is paired with the `_NEXT` after it.
    """
    known = np.empty(0, np.uint64)  # pairs as one number each
    for column in bands:
        order = np.argsort(column, kind="stable")  # texts ascend within a bucket
        values = column[order]
        edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1], [True]])) if len(values) else [0]
        sizes = np.diff(edges)
        within = np.repeat(sizes, sizes)
        group_end = np.repeat(edges[1:], sizes)
        found = [known]
        for step in range(1, min(int(sizes.max(initial=1)), _SMALL_GROUP)):
            first = np.flatnonzero(
                (np.arange(len(order)) + step < group_end) & ((within <= _SMALL_GROUP) | (step <= _NEXT))
            )
            one, other = order[first].astype(np.uint64), order[first + step].astype(np.uint64)
            found.append((one << np.uint64(32)) | other)
        known = np.unique(np.concatenate(found))
    return np.stack([known >> np.uint64(32), known & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)


def jaccard(set_of: Callable[[int], NDArray[np.generic]], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Exact Jaccard similarity of each pair; shape (pairs,). `set_of`: the hashes of a text's shingles."""
    remembered = lru_cache(_SETS)(lambda text: np.unique(set_of(text)))
    found = np.empty(len(pairs))
    for row, (one, other) in enumerate(pairs.tolist()):
        both = np.concatenate([remembered(one), remembered(other)])
        both.sort()
        shared = int(np.count_nonzero(both[1:] == both[:-1]))
        found[row] = shared / (len(both) - shared)
    return found
