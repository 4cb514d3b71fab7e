"""Many configurations that differ in a few values, composed once for each distinct choice of groups.

A full composition takes about a tenth of a second, nearly all of it for finding and merging YAML files, and for copying
and resolving what they give. Here the files are merged once for each set of chosen groups and of stages that are added
or removed; the other overrides are set on the merged configuration under the same schema, one after another as Hydra
does it, read off, and taken back. A test compares the two ways.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hydra import compose as hydra_compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from acereason.config import faults, scaling
from acereason.config.compose import ROOTS, hydra_session, parse_overrides
from acereason.config.places import conf_dir
from acereason.config.schema import TrainRunConfig
from acereason.config.structured import construct, first_missing, missing
from acereason.errors import ConfigError


@dataclass(frozen=True)
class _Merged:
    """One choice of groups and stages, merged."""

    raw: DictConfig
    plain: Any  # containers, interpolations unresolved
    interpolated: tuple[tuple[str, ...], ...]  # where they stand


class Composer:
    """Composes `conf/train.yaml` again and again; made by `composer()`."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._groups = {*loader.get_group_options("", ObjectType.GROUP)}
        self._parsed: dict[str, Override] = {}
        self._merged: dict[tuple[str, ...], _Merged] = {}

    def compose(self, words: Sequence[str]) -> TrainRunConfig:
        """What `compose_train(words)` gives, scaled; rules are not yet checked. Raises `ConfigError`."""
        new = [word for word in words if word not in self._parsed]
        overrides = [self.parse(word) for word in words]
        if new:
            told = [one for one in overrides if one.input_line in new or one.key_or_group in faults.OPTIONAL]
            faults.check_overrides(told, ROOTS["train"], self._loader)
        early, late = self._split(overrides)
        merged = self._merge(tuple(early))
        try:
            plain = _with(merged, late)
        except ConfigError:
            raise
        except OmegaConfBaseException as error:
            raise faults.interpolation(error) from error
        except Exception as error:
            raise self._fault(error, merged.raw) from error
        if unset := first_missing(plain):
            raise missing(unset)
        return scaling.scaled(construct(TrainRunConfig, plain))

    def parse(self, word: str) -> Override:
        """Hydra's reading of a word. Raises `ConfigError`."""
        if word not in self._parsed:
            (self._parsed[word],) = parse_overrides([word], self._loader)
        return self._parsed[word]

    def _chooses(self, override: Override) -> bool:
        return override.key_or_group in self._groups

    def _split(self, overrides: Sequence[Override]) -> tuple[list[str], list[Override]]:
        """(words that decide which keys there are, the others), each in order.

        A choice of a group has no place in the order. A value that is set before a stage is removed or added keeps
        its place where the two have to do with one another.
        """
        early, late = [], []
        for place, one in enumerate(overrides):
            after = (other for other in overrides[place + 1 :] if not self._chooses(other) and _edits(other))
            first = self._chooses(one) or _edits(one) or any(_overlap(one, other) for other in after)
            if first:
                early.append(str(one.input_line))
            else:
                late.append(one)
        return early, late

    def _merge(self, words: tuple[str, ...]) -> _Merged:
        if words not in self._merged:
            try:
                raw = hydra_compose("train", overrides=list(words))
            except Exception as error:
                raise self._fault(error, None) from error
            plain = OmegaConf.to_container(raw, resolve=False)
            self._merged[words] = _Merged(raw, plain, tuple(_interpolated(plain)))
        return self._merged[words]

    def _fault(self, error: Exception, raw: DictConfig | None) -> ConfigError:
        stages = raw.curriculum.stages if raw is not None else ()
        return faults.composition(error, TrainRunConfig, conf_dir(), [str(name) for name in stages])


@contextlib.contextmanager
def composer() -> Iterator[Composer]:
    """A `Composer` while the context lasts."""
    with hydra_session() as loader:
        yield Composer(loader)


def _edits(override: Override) -> bool:
    """Whether it adds or removes keys."""
    value = None if override.is_sweep_override() else override.value()
    return override.is_delete() or override.is_add() or override.is_force_add() or isinstance(value, dict)


def _overlap(one: Override, other: Override) -> bool:
    first, second = f"{one.key_or_group}.", f"{other.key_or_group}."
    return first.startswith(second) or second.startswith(first)


def _interpolated(plain: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where values stand that are made from others."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from _interpolated(value, (*place, str(name)))
    elif isinstance(plain, list):
        if any("${" in item for item in plain if isinstance(item, str)):
            yield place
    elif isinstance(plain, str) and "${" in plain:
        yield place


def _with(merged: _Merged, overrides: Sequence[Override]) -> Any:
    """The merged configuration with values set, as plain containers; the merged one is left as it was."""
    before: list[tuple[DictConfig, str, Any]] = []
    plain = _copied(merged.plain)
    try:
        for override in overrides:
            parent, _, last = override.key_or_group.rpartition(".")
            node = OmegaConf.select(merged.raw, parent) if parent else merged.raw
            if isinstance(node, DictConfig) and (child := node._get_node(last)) is not None:
                before.append((node, last, copy.deepcopy(child)))
            ConfigLoaderImpl._apply_overrides_to_config([override], merged.raw)
            _set(plain, override.key_or_group.split("."), _value(merged.raw, override.key_or_group))
        set_now = [tuple(override.key_or_group.split(".")) for override in overrides]
        for place in dict.fromkeys([*merged.interpolated, *set_now]):
            _set(plain, place, _value(merged.raw, ".".join(place)))
    finally:
        for node, last, child in reversed(before):
            node.__dict__["_content"][last] = child
    return plain


def _value(raw: DictConfig, key: str) -> Any:
    """A value with its interpolations resolved, as plain containers."""
    found = OmegaConf.select(raw, key)
    return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found


def _set(plain: Any, place: Sequence[str], value: Any) -> None:
    for name in place[:-1]:
        plain = plain[name]
    plain[place[-1]] = value


def _copied(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {name: _copied(value) for name, value in plain.items()}
    return list(plain) if isinstance(plain, list) else plain
