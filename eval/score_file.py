"""`acereason eval score FILE... benchmark=NAME`: responses that another programme sampled, judged by our verifiers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acereason.config import rules
from acereason.config.eval_schema import EvalRunConfig
from acereason.config.folders import check_can_be_made
from acereason.errors import ConfigError, InputError
from acereason.verifiers.pool import VerifierPool
from acereason.verifiers.protection import protection_for
from eval import remarks
from eval.benchmarks import NAMED, Benchmark, load
from eval.imports import read_given
from eval.matching import known_of, problem_of
from eval.programs import CONTINUES, PROGRAM
from eval.protocol import ANSWER_RULES
from eval.run_result import print_table, result_of, stated_coverage, write_result
from eval.score import Response, check_health, score


@dataclass(frozen=True)
class Read:
    """The responses to each problem that has any, in the order of the files, and the tokens of each by its key.

    digests: the SHA-256 of each file.
    """

    formats: tuple[str, ...]
    digests: tuple[str, ...]
    responses: dict[str, list[Response]]
    tokens: dict[str, int | None]


def score_files(
    sources: Sequence[Path], target: Path | None, config: EvalRunConfig, by_position: bool, start: Path
) -> int:
    """Judges every row of `sources` and writes a result file. Returns the exit code 0.

    target: the result file; None: beside the first source, with the benchmark's name in its own. by_position: a
    `task_id` that is a whole number counts the problems from 0. Raises `RowError` and `InputError` before any row is
    judged.
    """
    faults = [*rules.single_values(config)] or [*rules.verifier_rules(config.verifier)]
    if faults:
        raise ConfigError("\n".join(faults))
    path = config.benchmark.path and str((start / Path(config.benchmark.path).expanduser()).resolve())
    benchmark = load(replace(config.benchmark, path=path))
    first = sources[0]
    target = first.with_name(f"{first.name.split('.')[0]}.{benchmark.name}.json") if target is None else target
    if target.is_dir() or (target.exists() and any(s.exists() and target.samefile(s) for s in sources)):
        raise InputError(f"eval score: --out {target}: is a folder, or the input itself; give the name of another file")
    check_can_be_made("--out", target.absolute().parent)
    read = read_responses(sources, benchmark, by_position)
    listed = [response for group in read.responses.values() for response in group]
    protection = protection_for(config.verifier, benchmark.problems)
    with VerifierPool(config.verifier, protection) as verifiers:
        scored = {rule: score(listed, rule, verifiers) for rule in ANSWER_RULES}
    for found in scored.values():
        check_health([one.verdict for one in found.values()], config.verifier.max_infra_error_share)
    counts = {len(group) for group in read.responses.values()}
    names = [source.name for source in sources]
    head: dict[str, Any] = {
        "model": names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
        "protocol": "imported",
        "benchmark": benchmark.name,
        "k": counts.pop() if len(counts) == 1 else None,
        "settings": {
            "source": names,
            "source_sha256": list(read.digests),
            "format": list(read.formats),
            "content_hash": benchmark.content_hash,
        },
        "answer_rule": config.protocol.answer_rule,
        "coverage": stated_coverage(config.benchmark, len(read.responses), len(benchmark.problems)),
    }
    problems = [problem for problem in benchmark.problems if problem.id in read.responses]
    result = result_of(head, problems, read.responses, read.tokens, scored)
    write_result(target, result)
    print(f"read as {', '.join(read.formats)}: {len(listed)} responses to {len(problems)} problems")
    print_table([result], [target])
    for line in remarks.without_answer(scored, config.protocol.answer_rule):
        print(line)
    left = [problem.id for problem in benchmark.problems if problem.id not in read.responses]
    if left:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        print(f"no response to {len(left)} of {len(benchmark.problems)} problems: {', '.join(left[:NAMED])}{more}")
    return 0


def read_responses(sources: Sequence[Path], benchmark: Benchmark, by_position: bool) -> Read:
    """All responses of the files. Raises `RowError`, `InputError`, also where a file is given twice."""
    digests = _digests(sources)
    known = known_of(benchmark, by_position)
    read = Read(tuple(), digests, {}, {})
    formats: dict[str, None] = {}
    for source in sources:
        kind, rows = read_given(source)
        formats[kind] = None
        for row in rows:
            problem = problem_of(source, row, known)
            form = PROGRAM if row.form == CONTINUES and not problem.starter_code and kind == "human_eval" else row.form
            group = read.responses.setdefault(problem.id, [])
            for text, tokens in zip(row.texts, row.tokens, strict=True):
                response = Response(f"{problem.id}/{len(group)}", problem, text, truncated=False, form=form)
                group.append(response)
                read.tokens[response.key] = tokens
    return replace(read, formats=tuple(formats))


def _digests(sources: Sequence[Path]) -> tuple[str, ...]:
    """The SHA-256 of each file. Raises `InputError` for one that is given twice, by its path or by its bytes."""
    first: dict[str, Path] = {}
    for source in sources:
        try:
            with open(source, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror}") from None
        if digest in first:
            same = "is given twice" if first[digest].samefile(source) else f"holds the same bytes as {first[digest]}"
            raise InputError(f"eval score: {source} {same}, so its responses would count twice; give it once")
        first[digest] = source
    return tuple(first)
