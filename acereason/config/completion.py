"""Tab completion of overrides: configuration groups, keys and values. A fault completes to nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from typing import Any

from hydra.plugins.completion_plugin import DefaultCompletionPlugin

from acereason.config.compose import ROOTS, hydra_session
from acereason.config.schema import Choices
from acereason.config.structured import element_type, field_limits, field_types, unwrap_optional


def completions(root: str, line: str) -> list[str]:
    """What can stand for the last word of `line`, the overrides behind the verb as typed so far."""
    words = [word for word in line.split() if not word.startswith("-")]
    typed = words[-1] if words and not line.endswith(" ") else ""
    before = words[:-1] if typed else words
    with contextlib.suppress(Exception, SystemExit), hydra_session() as loader:
        plugin = DefaultCompletionPlugin(loader)
        found = plugin._query(root, " ".join([*before, typed]))
        keys = set(field_types(ROOTS[root]))
        found = [word for word in found if word.lstrip("+~").split("=")[0].split(".")[0].split("@")[0] in keys]
        return sorted({*found, *_allowed_values(ROOTS[root], typed)})
    return []


def _allowed_values(root: type, typed: str) -> list[str]:
    """KEY=VALUE for every allowed value of a single key, where one is being typed."""
    key, equals, begun = typed.partition("=")
    if not equals:
        return []
    kind: Any = root
    limit: Any = None
    for part in key.split("."):
        kind, _ = unwrap_optional(kind)
        if dataclasses.is_dataclass(kind):
            owner = typing.cast(type, kind)
            limit = field_limits(owner).get(part)
            kind = field_types(owner).get(part)
        else:
            kind = element_type(kind)
    values = ("true", "false") if kind is bool else limit.allowed if isinstance(limit, Choices) else ()
    return [f"{key}={value}" for value in values if value.startswith(begun)]
