"""Benchmarks: read from the file in which they were published and checked, problem by problem, against what is known.

`eval/known/NAME.tsv` holds id and digest of every problem, in the benchmark's order. So a file that lacks a problem, or
in which one was edited, is refused with the ids that differ; the order of its rows does not matter. Where none of a
file's ids is one of the benchmark's (others publish the same problems under ids of their own, or under none), its
problems get their ids by statement and answer. `NAME.WORDING.tsv` holds the same problems as another publisher words or
typesets them; a file is held against each, and has a content hash of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acereason.config.eval_schema import BenchmarkConfig
from acereason.errors import ConfigError, InputError
from acereason.problems import Problem, first_of_each_domain
from eval.answers import ALTERNATIVES
from eval.benchmarks_formats import READERS
from eval.rows import files_of, rows_of
from eval.selection import selection_of

KNOWN = Path(__file__).resolve().parent / "known"
NAMED = 5  # differences that a message names, of each kind
_REWORDED = (
    ". Others word or typeset the same problems in other ways; benchmark.content_hash=null benchmark.unpinned=true "
    "takes such a file as it is, and results carry its hash"
)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark that was found to be whole."""

    name: str
    problems: tuple[Problem, ...]  # in the benchmark's order
    content_hash: str  # of the whole benchmark, also where only the first problems are taken


@dataclass(frozen=True)
class Found:
    """A problem in a file, before it is known which one it is."""

    line: int
    problem: Problem
    digest: str


def digest_of(problem: Problem) -> str:
    """16 hexadecimal digits that stand for what is asked and what is right; topics are left out."""
    return _digest(problem.id, _content(problem))


def _content(problem: Problem) -> str:
    """All that a digest is about but the id."""
    tests: list[Any] | None = None
    if problem.tests is not None:
        tests = [problem.tests.kind, problem.tests.entry_point, problem.tests.script]
        tests += [[[case.input, case.output] for case in problem.tests.cases]] if problem.tests.cases else []
    content = [
        problem.prompt,
        problem.starter_code,
        problem.answer,
        problem.metadata.get(ALTERNATIVES),
        tests,
    ]
    return json.dumps(content)[1:]


def _digest(name: str, content: str) -> str:
    return hashlib.sha256(f"[{json.dumps(name)}, {content}".encode()).hexdigest()[:16]


def content_hash_of(known: Iterable[tuple[str, str]]) -> str:
    """16 hexadecimal digits over the ids and digests of a benchmark."""
    return hashlib.sha256("".join(f"{name}\t{digest}\n" for name, digest in known).encode()).hexdigest()[:16]


def found_in(config: BenchmarkConfig, path: Path) -> list[Found]:
    """All problems of a file or a folder of files that the configuration selects. Raises `RowError`, `InputError`."""
    read, chosen = READERS[config.format], selection_of(config)
    found = []
    for file in files_of(path):
        for line, row in rows_of(file):
            problem = read(file, line, row) if chosen.takes(file, line, row) else None
            if problem is not None:
                found.append(Found(line, problem, digest_of(problem)))
    if not found:
        raise InputError(f"{path}: holds no problem of the benchmark")
    return chosen.ordered(found, path, lambda entry: entry.problem.id)


def read_known(name: str) -> list[tuple[str, str]]:
    """(id, digest) of every problem of a benchmark. Raises `ConfigError` for one that is not known."""
    file = KNOWN / f"{name}.tsv"
    if not file.is_file():
        raise ConfigError(f"benchmark.name={name}: its problems are not known here ({file.name} is not in eval/known)")
    pairs = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return [(pair[0], pair[1]) for pair in pairs]


def wordings(name: str) -> list[list[tuple[str, str]]]:
    """`read_known` of a benchmark, and after it those of its other wordings."""
    return [read_known(name), *(read_known(file.stem) for file in sorted(KNOWN.glob(f"{name}.*.tsv")))]


def load(config: BenchmarkConfig) -> Benchmark:
    """The benchmark of `config`. Raises `InputError` with what differs where its file is not the known one."""
    if config.path is None:
        raise ConfigError(f"benchmark={config.name}: no file is named; {config.obtain}")
    path = Path(config.path)
    if not path.exists():
        raise InputError(
            f"benchmark.path={config.path}: no such file; {config.name} is to be had so, in the folder {path.parent}: "
            f"{config.obtain}"
        )
    found = found_in(config, path)
    if config.content_hash is None:
        return _unpinned(config, path, found)
    first, *others = [(known, named(found, known)) for known in wordings(config.name)]
    known, found = min((first, *others), key=lambda pair: _left(pair[1], pair[0]))
    differences = compare(found, known)
    if differences:
        raise InputError(
            f"{path}: is not {config.name} as it is known ({len(known)} problems, found {len(found)}): "
            + "; ".join(differences)
            + f". The right file: {config.obtain}"
            + (_REWORDED if len(found) == len(known) and 2 * _left(found, known) > len(known) else "")
        )
    content_hash = content_hash_of(known)
    expected = config.content_hash if known == first[0] else content_hash
    if content_hash != expected or len(known) != config.problems:
        raise ConfigError(
            f"benchmark.content_hash={config.content_hash}, benchmark.problems={config.problems}: {path} holds "
            f"{config.name} with {len(known)} problems and content_hash {content_hash}"
        )
    by_digest: dict[str, deque[Problem]] = defaultdict(deque)
    for entry in found:
        by_digest[entry.digest].append(entry.problem)
    problems = [replace(by_digest[digest].popleft(), id=name, source=config.name) for name, digest in known]
    return Benchmark(config.name, tuple(_limited(config, problems)), content_hash)


def _unpinned(config: BenchmarkConfig, path: Path, found: Sequence[Found]) -> Benchmark:
    """A benchmark whose problems are not known one by one here: its count and ids are all that can be checked."""
    if not config.unpinned:
        raise ConfigError(
            f"benchmark={config.name}: its problems are not known here, so a changed file would not be noticed; "
            "benchmark.unpinned=true takes the file as it is, and results carry its hash"
        )
    if config.problems is not None and len(found) != config.problems:
        raise InputError(
            f"{path}: holds {len(found)} problems of {config.name}, expected {config.problems}. The right file: "
            f"{config.obtain}"
        )
    first: dict[str, int] = {}
    problems: list[Problem] = []
    for entry in found:
        name = entry.problem.id or f"{config.name}-{len(problems)}"
        if name in first:
            raise InputError(f"{path}:{entry.line}: id {name!r} was already used on line {first[name]}")
        first[name] = entry.line
        problems.append(replace(entry.problem, id=name, source=config.name))
    pairs = ((problem.id, entry.digest) for problem, entry in zip(problems, found, strict=True))
    return Benchmark(config.name, tuple(_limited(config, problems)), content_hash_of(pairs))


def _limited(config: BenchmarkConfig, problems: list[Problem]) -> list[Problem]:
    if config.per_domain is not None:
        problems = first_of_each_domain(problems, config.per_domain)
    return problems[: config.limit]


def named(found: list[Found], known: Sequence[tuple[str, str]]) -> list[Found]:
    """`found` with the benchmark's ids where the file has none of them; a problem that is not known has no id then."""
    ids = {name for name, _ in known}
    if any(entry.problem.id in ids for entry in found):
        return found
    left: dict[str, list[str]] = defaultdict(list)  # digest -> ids
    for name, digest in known:
        left[digest].append(name)
    taken: list[Found] = []
    for entry in found:
        if left.get(entry.digest):  # of a publisher without ids: the digest is without one, too
            left[entry.digest].pop()
            taken.append(entry)
            continue
        content = _content(entry.problem)
        digests = ((name, _digest(name, content)) for name in ids)
        name, digest = next((pair for pair in digests if pair[0] in left.get(pair[1], ())), ("", ""))
        ids.discard(name)
        taken.append(Found(entry.line, replace(entry.problem, id=name), digest))
    return taken


def compare(found: Sequence[Found], known: Sequence[tuple[str, str]]) -> list[str]:
    """What differs between a file and a benchmark, in words; empty where nothing does."""
    expected: dict[str, deque[str]] = defaultdict(deque)
    for name, digest in known:
        expected[digest].append(name)
    strange = []
    for entry in found:
        if expected[entry.digest]:
            expected[entry.digest].popleft()
        else:
            strange.append(entry)
    left = {name for names in expected.values() for name in names}
    missing = [name for name, _ in known if name in left]
    edited: list[str] = []
    added: list[str] = []
    for entry in strange:
        name = entry.problem.id or (missing[0] if len(missing) == len(strange) == 1 else "")
        if name in missing:
            missing.remove(name)
            edited.append(f"{name} (line {entry.line})")
        else:
            added.append(f"line {entry.line} ({' '.join(entry.problem.prompt.split())[:40]!r})")
    lists = (("edited", edited), ("missing", missing), ("not part of it", added))
    return [f"{what}: {_some(names)}" for what, names in lists if names]


def _left(found: Sequence[Found], known: Sequence[tuple[str, str]]) -> int:
    """How many of the benchmark's problems are not in a file."""
    digests = {entry.digest for entry in found}
    return sum(digest not in digests for _, digest in known)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
