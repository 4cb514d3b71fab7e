"""Seeds derived from names, so that a draw depends on what it is for and never on when it is made."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2**31) from the parts, e.g. (run seed, stage, step, problem id, sample index).

    The hash is keyed by type and length, so ("a", "bc") and ("ab", "c") differ, as do 1 and "1".
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(4, "little") + text)
    return int.from_bytes(digest.digest(), "little") >> 33
