"""MinHash and LSH in NumPy beside datasketch, on the same statements with the same parameters, in one run, one thread.

    PYTHONPATH=FOLDER_WITH_DATASKETCH .venv/bin/python benchmarks/deduplication.py [statements]

Every 20th statement comes again with one word changed. Both sides make 128 MinHashes of shingles of three words in 32
bands and look for candidates; ours computes the exact similarity of each candidate besides.
"""

from __future__ import annotations

import random
import sys
import time

import numpy as np

from data_pipeline.decontamination.token_ids import Vocabulary
from data_pipeline.dedup.minhash import band_hashes, candidate_pairs, jaccard, shingles

SHINGLE, BANDS, ROWS = 3, 32, 4


def statements(count: int) -> tuple[list[str], set[tuple[int, int]]]:
    """Statements of 60 words, and the pairs that are near."""
    rng = random.Random(1)
    vocabulary = ["".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(2, 8))) for _ in range(20_000)]
    texts, near = [" ".join(rng.choices(vocabulary, k=60)) for _ in range(count)], set()
    for number in range(1, count, 20):
        words = texts[number - 1].split()
        words[rng.randrange(60)] = "changed"
        texts[number] = " ".join(words)
        near.add((number - 1, number))
    return texts, near


def ours(texts: list[str]) -> set[tuple[int, int]]:
    """Pairs with a similarity of 0.7 or more."""
    vocabulary = Vocabulary("plain")
    tokens = vocabulary.encode(texts)
    keys = np.random.default_rng(1).integers(1, 1 << 64, len(vocabulary) + 1, dtype=np.uint64)
    pairs = candidate_pairs(band_hashes(tokens, SHINGLE, keys, BANDS, ROWS, seed=1).T)
    hashes, ends = shingles(tokens, SHINGLE, keys)
    near = jaccard(lambda text: hashes[ends[text] : ends[text + 1]], pairs) >= 0.7
    return {(int(one), int(other)) for one, other in pairs[near]}


def theirs(texts: list[str]) -> set[tuple[int, int]]:
    """Candidates of MinHashLSH with the same bands."""
    from datasketch import MinHash, MinHashLSH

    table = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    found = set()
    for number, text in enumerate(texts):
        words = text.split()
        sketch = MinHash(num_perm=BANDS * ROWS, seed=1)
        sketch.update_batch([" ".join(words[at : at + SHINGLE]).encode() for at in range(len(words) - SHINGLE + 1)])
        found |= {(int(other), number) for other in table.query(sketch)}
        table.insert(str(number), sketch)
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    texts, near = statements(count)
    seconds = {}
    for name, way in (("ours", ours), ("datasketch", theirs)):
        begun = time.process_time()
        found = way(texts)
        seconds[name] = time.process_time() - begun
        said = f"{len(found & near)} of {len(near)} near pairs, {len(found - near)} others"
        print(f"{name:11s} {seconds[name]:7.2f} s of CPU, {said}")
    print(f"ours is {seconds['datasketch'] / seconds['ours']:.1f} times as fast")


if __name__ == "__main__":
    main()
