"""MinHash and its bands against their mathematics; exact similarities against Python sets."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from data_pipeline.decontamination.token_ids import Vocabulary
from data_pipeline.dedup.minhash import band_hashes, candidate_pairs, collision_probability, jaccard, shingles

KEYS = np.random.default_rng(1).integers(1, 1 << 64, 5000, dtype=np.uint64)


def sets_of(hashes: np.ndarray, ends: np.ndarray):
    return lambda text: hashes[ends[text] : ends[text + 1]]


def test_similarity_is_that_of_the_sets_of_shingles() -> None:
    rng = random.Random(2)
    texts = [" ".join(rng.choice("abcde") * 2 for _ in range(rng.randrange(0, 14))) for _ in range(40)]
    tokens = Vocabulary("latex").encode(texts)
    sets = []
    for text in texts:
        words = text.split()
        sets.append({tuple(words[at : at + 3]) for at in range(len(words) - 2)} or {tuple(words)})
    pairs = np.array(list(itertools.combinations(range(len(texts)), 2)))
    found = jaccard(sets_of(*shingles(tokens, 3, KEYS)), pairs)
    expected = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs]
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.7])
def test_pairs_are_proposed_as_often_as_the_formula_says(similarity: float) -> None:
    """Pairs of sets of 200 numbers with a known share in common, one shingle a token."""
    rng = np.random.default_rng(3)
    vocabulary, texts, count = Vocabulary("plain"), [], 400
    common = round(2 * 200 * similarity / (1 + similarity))
    for _ in range(count):
        drawn = rng.choice(4900, 400 - common, replace=False).astype(str)
        texts += [" ".join(drawn[:200]), " ".join([*drawn[:common], *drawn[200:]])]
    tokens = vocabulary.encode(texts)
    bands, rows = 16, 4
    found = band_hashes(tokens, 1, KEYS, bands, rows, seed=4)
    shared = [(found[2 * pair] == found[2 * pair + 1]).any() for pair in range(count)]
    expected = collision_probability(similarity, bands, rows)
    assert np.mean(shared) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / count) ** 0.5 + 0.01)
    agreeing = np.mean([(found[2 * pair] == found[2 * pair + 1]).mean() for pair in range(count)])
    assert agreeing == pytest.approx(similarity**rows, abs=0.02)


def test_the_curve_of_the_default_is_the_one_in_the_docs() -> None:
    """1 - (1 - s^4)^32 worked by hand: s = 0.7 has s^4 = 0.2401 and 0.7599^32 = 0.000153."""
    assert collision_probability(0.7, 32, 4) == pytest.approx(1 - 0.000153, abs=2e-6)
    assert collision_probability(0.5, 32, 4) == pytest.approx(1 - 0.9375**32)
    assert collision_probability(1.0, 32, 4) == 1.0 and collision_probability(0.0, 32, 4) == 0.0


def test_texts_are_hashed_alike_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one two", "", "a longer statement with some words", "one two", "x", "", "one two three"]
    whole = band_hashes(Vocabulary("latex").encode(texts), 3, KEYS, 8, 2, seed=5)
    assert (whole[0] == whole[3]).all() and (whole[1] == whole[5]).all()
    assert not (whole[0] == whole[6]).any()
    monkeypatch.setattr("data_pipeline.dedup.minhash._TOKENS_AT_ONCE", 3)
    assert np.array_equal(band_hashes(Vocabulary("latex").encode(texts), 3, KEYS, 8, 2, seed=5), whole)


def test_candidates_are_all_pairs_of_a_bucket_and_neighbours_of_a_large_one() -> None:
    bands = np.array([[1, 9], [2, 8], [1, 8], [3, 7], [2, 8]], np.uint64)
    assert candidate_pairs(bands.T).tolist() == [[0, 2], [1, 2], [1, 4], [2, 4]]
    large = candidate_pairs(np.zeros((1, 100), np.uint64))
    assert large.tolist() == [[a, b] for a in range(100) for b in range(a + 1, min(a + 9, 100))]
    assert candidate_pairs(np.zeros((4, 0), np.uint64)).shape == (0, 2)
