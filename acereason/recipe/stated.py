"""What the papers state about a recipe, and what is our choice: two tables, and what a configuration makes of them.

`stated.yaml` holds the sources' figures with a mark each, `choices.yaml` ours with a reason each. For a configuration
whose `recipe` names one of the table, `stated_of` compares it with the first, `choices_of` explains it by the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from acereason.config.nearest import did_you_mean
from acereason.config.resuming import leaves
from acereason.config.schema import StageConfig, TrainRunConfig
from acereason.config.structured import to_plain
from acereason.errors import ConfigError

STATED, CHOICES = "stated.yaml", "choices.yaml"
MARKS = ("paper", "neurips", "toolkit", "model card", "secondary", "derived", "published", "not stated")
COVERED = ("curriculum.stages.", "curriculum.max_prompt_length", "algorithm.", "model.")
LIMITS = ("verifier.math_", "verifier.code_")  # of one judgement
NAMES = ("model.name", "model.architecture", "model.tokenizer", "model.init_std")  # names, or without effect


@dataclass(frozen=True)
class Stated:
    """One entry of the table for one recipe, and what the configuration holds there.

    `kind` is `value` (the sources give it), `any` (they allow several), `ends` (first and last of a list) or `null`.
    """

    key: str
    kind: str
    value: Any
    mark: str
    found: Any

    @property
    def holds(self) -> bool:
        """Whether the configuration agrees with the sources."""
        if self.kind == "null":
            return True
        if self.kind == "any":
            return self.found in self.value
        if self.kind == "ends":
            return bool(self.found) and [self.found[0], self.found[-1]] == self.value
        return bool(self.found == self.value) and type(self.found) is type(self.value)


@dataclass(frozen=True)
class Choice:
    """A value that no source states. `value` is the configuration's; `ours` differs where it was overridden.

    `key` may be a pattern in which `*` stands for anything.
    """

    key: str
    value: Any
    reason: str
    ours: Any

    @property
    def is_overridden(self) -> bool:
        return bool(self.value != self.ours)


@dataclass(frozen=True)
class ChoiceEntry:
    """One key pattern of choices.yaml. `recipes` are those that it is for; empty: all."""

    pattern: str
    value: Any
    reason: str
    recipes: tuple[str, ...]

    def covers(self, recipe: str, key: str) -> bool:
        return (not self.recipes or recipe in self.recipes) and fnmatchcase(key, self.pattern)


def recipes() -> tuple[str, ...]:
    """Names of the recipes in the table."""
    return tuple(_stated_table()["recipes"])


def stage_order(recipe: str) -> list[str]:
    """The stages of a recipe in the order that the sources give."""
    return list(_recipe(recipe)["stages"])


def stated_of(config: TrainRunConfig) -> list[Stated]:
    """Every entry of the table for `config.recipe`, with what `config` holds; empty where no recipe is named.

    An entry of a stage that the configuration does not have is left out. Raises `ConfigError` for an unknown recipe.
    """
    if config.recipe is None:
        return []
    found = dict(leaves(to_plain(config)))
    return [
        Stated(key, kind, value, mark, found[key])
        for key, (kind, value, mark) in entries(config.recipe).items()
        if key in found
    ]


def choices_of(config: TrainRunConfig) -> list[Choice]:
    """Our choices among the values of `config` that have an effect; empty where no recipe is named.

    Keys that hold what choices.yaml says are one `Choice`, with the pattern as its key; each other one is its own.
    """
    if config.recipe is None:
        return []
    _recipe(config.recipe)
    values, found = effective(config), []
    for entry in choice_entries():
        matched = {key: value for key, value in values.items() if entry.covers(config.recipe, key)}
        if any(value == entry.value for value in matched.values()):
            found.append(Choice(entry.pattern, entry.value, entry.reason, entry.value))
        others = {key: value for key, value in matched.items() if value != entry.value}
        found += [Choice(key, value, entry.reason, entry.value) for key, value in others.items()]
    return found


def deviations_of(config: TrainRunConfig) -> list[Stated]:
    """The stated values from which `config` departs."""
    return [entry for entry in stated_of(config) if not entry.holds]


@cache
def entries(recipe: str) -> dict[str, tuple[str, Any, str]]:
    """Full key -> (kind, value, mark) for one recipe. Raises `ConfigError` for an unknown name."""
    table, wanted = _stated_table()["parts"], _recipe(recipe)
    marks = wanted.get("marks", {})
    found: dict[str, tuple[str, Any, str]] = {}
    places = [("", wanted["parts"])]
    places += [(f"curriculum.stages.{stage}.", parts) for stage, parts in wanted["stages"].items()]
    for prefix, parts in places:
        for part in parts:
            for name, (given, mark) in table[part].items():
                key = prefix + name
                if key in found:
                    raise ValueError(f"{STATED}: {recipe}: {key} is stated twice")
                if mark not in MARKS:
                    raise ValueError(f"{STATED}: {part}.{name}: mark {mark!r} is not one of {MARKS}")
                found[key] = (*_kind(given), marks.get(mark, mark))
    return found


def _kind(given: Any) -> tuple[str, Any]:
    if isinstance(given, dict):
        ((kind, value),) = given.items()
        if kind not in ("any", "ends", "is"):
            raise ValueError(f"{STATED}: {given}: expected any, ends or is")
        return ("value" if kind == "is" else kind), value
    return ("null", None) if given is None else ("value", given)


@cache
def choice_entries() -> tuple[ChoiceEntry, ...]:
    """choices.yaml, one entry a key pattern, in its order."""
    found = []
    for block in _read(CHOICES):
        only = tuple(block.get("recipes", ()))
        for pattern, value in block["values"].items():
            found.append(ChoiceEntry(pattern, value, " ".join(block["reason"].split()), only))
    return tuple(found)


def effective(config: TrainRunConfig) -> dict[str, Any]:
    """Full key -> value of what shapes the training of `config`; values without effect in it are left out."""
    plain = to_plain(config)
    idle = {
        f"curriculum.stages.{name}.{key}"
        for index, (name, stage) in enumerate(config.curriculum.stages.items())
        for key in _without_effect(stage, first=index == 0)
    }
    idle |= {key for key, _ in leaves(plain) if ".layout." in key}  # how a stage is computed, not what
    return {
        key: value
        for key, value in leaves(plain)
        if key.startswith((*COVERED, *LIMITS)) and key not in idle and key not in NAMES
    }


def _without_effect(stage: StageConfig, first: bool) -> Iterator[str]:
    """Keys of a stage that change nothing, as its other keys stand."""
    if stage.parent is None:
        yield "parent"
    if first:
        yield from ("handoff.optimizer", "handoff.lr")
    if stage.optimizer.schedule == "constant":
        yield from ("handoff.lr", *(f"optimizer.{n}" for n in ("warmup_fraction", "decay_fraction", "min_lr_ratio")))
    if stage.stop.rule != "epochs":
        yield "stop.epochs"
    if stage.stop.rule != "plateau":
        yield from ("stop.window", "stop.patience", "stop.min_gain")
    if stage.domain == "sft":
        yield from ("group_size", "temperature", "top_p", "overlong.policy")
    if stage.domain != "mixed":
        yield "math_share"
    if stage.overlong.policy != "soft":
        yield "overlong.buffer"
    rule, epochs = stage.entropy_rule, stage.by_epoch
    if rule.target is None:
        yield from ("entropy_rule.target", "entropy_rule.candidates", "entropy_rule.prompts")
    if rule.target is not None or epochs.temperature:
        yield "temperature"
    yield from (f"by_epoch.{name}" for name in ("temperature", "group_size") if not getattr(epochs, name))
    if epochs.group_size:
        yield "group_size"
    filters = stage.filter
    names = ("teacher", "max_failures", "min_tokens", "max_tokens")
    yield from (f"filter.{name}" for name in names if getattr(filters, name) is None)
    if not filters.drop_solved:
        yield "filter.drop_solved"
    if filters.pass_rate.attempts == 0:
        yield from (f"filter.pass_rate.{name}" for name in ("attempts", "max_passed", "min_passed"))
    yield "filter.pass_rate.problems_per_block"  # how much a kill can lose


def _recipe(name: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = _stated_table()["recipes"]
    if name not in known:
        raise ConfigError(f"recipe={name}: no such recipe{did_you_mean(name, known)}")
    return known[name]


@cache
def _stated_table() -> dict[str, Any]:
    table: dict[str, Any] = _read(STATED)
    return table


def _read(name: str) -> Any:
    return yaml.load((Path(__file__).with_name(name)).read_text(encoding="utf-8"), Loader=_LOADER)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
