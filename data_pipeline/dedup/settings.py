"""What the search for duplicates is told. All of it is our choice: the papers say only that they deduplicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from acereason.config.limits import among, within


@dataclass(frozen=True)
class DedupConfig:
    """How near two statements must be to be compared, and what becomes of those that say the same."""

    style: Annotated[str, among("latex", "plain", "code")]  # how statements are cut into tokens
    shingle: Annotated[int, within(1, 32)]  # tokens in a row that are one element of a statement's set
    bands: Annotated[int, within(1, 256)]  # statements are compared where all rows of a band agree
    rows: Annotated[int, within(1, 64)]  # MinHashes in a band
    seed: Annotated[int, within(0, 2**32 - 1)]  # of the hash functions
    similarity: Annotated[float, within(0.0, 1.0)]  # Jaccard, exact, from which on statements are near
    without_answer: Annotated[float, within(0.0, 1.0)]  # the same where no answer can confirm it, as of code
    prefer: tuple[str, ...]  # sources by preference; of duplicates that of the first source is kept, then the first row
    label_conflicts: Annotated[str, among("list", "drop")]  # of problems with the same statement and other answers
