"""From settings to evidence and signals: which benchmarks are read, in which version, and compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from acereason.errors import ConfigError
from acereason.problems import read_problems
from data_pipeline.decontamination.evidence import EvidencePass, collected
from data_pipeline.decontamination.items import Item, ItemIndex, items_of, with_prose
from data_pipeline.decontamination.policies import summarised
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.manifest import file_hash
from eval.benchmarks import load


@dataclass(frozen=True)
class Compared:
    """A benchmark that problems are compared with, and its version."""

    benchmark: str
    items: int
    short: int  # of them, those of fewer than n tokens
    content_hash: str  # of a known benchmark as in `conf/benchmark`, of another file the first 16 digits of its SHA-256
    obtain: str  # where it is to be had


@dataclass(frozen=True)
class Reference:
    """All benchmark items in an index, and which versions of which benchmarks they are."""

    index: ItemIndex
    compared: tuple[Compared, ...]


def reference_of(settings: DecontaminationConfig) -> Reference:
    """Reads every benchmark of the settings and indexes it.

    Raises `InputError` where a file is not there, is not the known benchmark or holds a bad row; `ConfigError` where no
    benchmark is named, or two have the same name.
    """
    sets: dict[str, tuple[list[Item], str, str]] = {}
    for config in settings.benchmarks.values():
        benchmark = load(config)
        _new(sets, config.name)
        sets[config.name] = (items_of(benchmark.problems), benchmark.content_hash, config.obtain)
    for name in settings.problems:
        path = Path(name)
        problems = read_problems(path)
        _new(sets, path.stem)
        items = [Item(path.stem, item.item, item.text) for item in items_of(problems)]
        sets[path.stem] = (items, file_hash(path)[:16], path.name)
    if not sets:
        raise ConfigError("decontamination: names no benchmark; give benchmarks, problems or policy=none")
    index = ItemIndex(
        [item for items, _, _ in sets.values() for item in with_prose(items, settings.style)],
        settings.n, settings.style, settings.letters_blind,
    )  # fmt: skip
    lengths = zip(index.items, index.tokens.lengths, strict=True)
    short = [item.benchmark for item, tokens in lengths if tokens < index.n and not item.prose]
    compared = [
        Compared(name, len(items), short.count(name), content_hash, obtain)
        for name, (items, content_hash, obtain) in sets.items()
    ]
    return Reference(index, tuple(compared))


def _new(sets: dict[str, tuple[list[Item], str, str]], name: str) -> None:
    if name in sets:
        raise ConfigError(f"decontamination: two benchmarks are called {name}; give one of the files another name")


def evidence(rows: pl.DataFrame, settings: DecontaminationConfig, reference: Reference | None = None) -> pl.DataFrame:
    """All evidence on `rows` (columns `id`, `prompt`): one row for each problem and item that share anything.

    For rows that come in batches use `EvidencePass` with `reference_of(settings).index`.
    """
    index = (reference or reference_of(settings)).index
    reading = EvidencePass(index, settings.boilerplate)
    reading.add(rows["id"], rows["prompt"])
    return collected(reading)


def signals(rows: pl.DataFrame, settings: DecontaminationConfig) -> pl.DataFrame:
    """`id` and the columns of `policies.SIGNALS`, one row for each of `rows`, in order."""
    return summarised(rows["id"], evidence(rows, settings), settings)
