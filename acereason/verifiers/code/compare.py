"""Comparison of what a program gave with what is expected. Runs in the trusted process, on bytes and plain JSON."""

from __future__ import annotations

import math
import re
from typing import Any

RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-8

_FLOAT = re.compile(rb"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")


def same_output(expected: bytes, got: bytes) -> bool:
    """Whether a program's stdout is the expected one.

    Line by line without trailing blanks and trailing empty lines; else token by token, where an expected
    token that is a float (not an integer) allows a small numeric difference.
    """
    if _lines(expected) == _lines(got):
        return True
    wanted, given = expected.split(), got.split()
    return len(wanted) == len(given) and all(_same_token(w, g) for w, g in zip(wanted, given, strict=True))


def _lines(output: bytes) -> list[bytes]:
    return [line.rstrip() for line in output.rstrip().split(b"\n")]


def _same_token(wanted: bytes, given: bytes) -> bool:
    if wanted == given:
        return True
    if len(given) > 400 or not _FLOAT.fullmatch(wanted):
        return False
    try:
        return close(float(wanted), float(given))
    except ValueError:
        return False


def close(
    wanted: float, given: float, relative: float = RELATIVE_TOLERANCE, absolute: float = ABSOLUTE_TOLERANCE
) -> bool:
    """Whether two floats agree within the tolerances; NaN agrees with nothing."""
    return math.isclose(wanted, given, rel_tol=relative, abs_tol=absolute)


def same_value(wanted: Any, given: Any, strict: bool = False) -> bool:
    """Whether an encoded result (see `child.encode`) is the expected Python value.

    `strict` is Python's `==` as an assert means it: a tuple is not a list, floats are exact. Otherwise tuples and
    lists are one, and an expected float allows a small difference. Only as much of `given` is looked at as
    `wanted` has parts, so a hostile result costs no more than the expected one.
    """
    if isinstance(given, dict):
        if len(given) != 1:
            return False
        ((kind, content),) = given.items()
        if kind == "list" or kind == "tuple":
            if not isinstance(wanted, (list, tuple)) or (strict and type(wanted).__name__ != kind):
                return False
            return _same_items(wanted, content, strict)
        if kind == "set":
            return isinstance(wanted, (set, frozenset)) and _same_set(wanted, content, strict)
        if kind == "dict":
            return isinstance(wanted, dict) and _same_dict(wanted, content, strict)
        if kind == "complex":
            return bool(isinstance(wanted, (complex, float, int)) and complex(wanted) == complex(*content))
        if kind == "bytes":
            return isinstance(wanted, bytes) and wanted.hex() == content
        return False
    if wanted is None or given is None:
        return wanted is given
    if isinstance(wanted, (str, bytes)) or isinstance(given, str):
        return isinstance(wanted, str) and isinstance(given, str) and wanted == given
    if not isinstance(wanted, (bool, int, float)) or not isinstance(given, (bool, int, float)):
        return False
    if wanted == given:
        return True
    if strict or not isinstance(wanted, float):
        return False
    try:
        return close(wanted, float(given))
    except OverflowError:
        return False


def _same_items(wanted: Any, content: Any, strict: bool) -> bool:
    if not isinstance(content, list) or len(content) != len(wanted):
        return False
    return all(same_value(w, g, strict) for w, g in zip(wanted, content, strict=True))


def _same_set(wanted: Any, content: Any, strict: bool) -> bool:
    if not isinstance(content, list) or len(content) != len(wanted):
        return False
    return all(any(same_value(w, g, strict) for g in content) for w in wanted)


def _same_dict(wanted: dict[Any, Any], content: Any, strict: bool) -> bool:
    if not isinstance(content, list) or len(content) != len(wanted):
        return False
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
        return False
    if not strict:  # JSON has only string keys: 1 and "1" are one key, as json.dumps writes them
        given = {_json_key(key): value for key, value in content}
        return all(
            _json_key(key) in given and same_value(value, given[_json_key(key)]) for key, value in wanted.items()
        )
    return all(
        any(same_value(key, other, True) and same_value(value, found, True) for other, found in content)
        for key, value in wanted.items()
    )


def _json_key(key: Any) -> str:
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    return str(key)
