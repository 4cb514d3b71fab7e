"""`acereason eval benchmark=NAME,NAME`: samples what is missing, judges all of it, writes a result a benchmark."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from acereason.config.eval_schema import EvalRunConfig
from acereason.config.folders import check_can_be_made
from acereason.config.hub import located_model
from acereason.config.schema import ModelConfig
from acereason.errors import ConfigError, RunError
from acereason.evaluation.draws import GREEDY
from acereason.tokenizer import Tokenizer, load_tokenizer
from acereason.verifiers.pool import VerifierPool
from acereason.verifiers.progress import Progress
from acereason.verifiers.protection import protection_for
from eval import remarks
from eval.ask import endpoint_of, from_endpoint, plain_url
from eval.generate import from_engines
from eval.mirror import mirror
from eval.of_run import from_run
from eval.protocol import ANSWER_RULES, Key
from eval.run_result import print_table, result_of, stated_coverage, write_result
from eval.samples import SAMPLES, Sample, SampleFile
from eval.score import Response, check_health, score
from eval.task import Task, needs_tokenizer, placed, prepare, violations


def run(configs: Sequence[EvalRunConfig], start: Path, named: Collection[str] = ()) -> int:
    """Evaluates each configuration, which differ in benchmark and protocol alone. Returns the exit code 0.

    Relative paths count from `start`; `named` are the top-level keys that the command gave a value. Raises `InputError`
    before anything is started or written, `RunError` later.
    """
    configs = [placed(from_run(config, start, named), start) for config in configs]
    faults = list(dict.fromkeys(line for config in configs for line in violations(config)))
    if faults:
        raise ConfigError("\n".join(faults))
    first = configs[0]
    out = Path(str(first.out))
    check_can_be_made("out", out)
    if first.engine.kind == "endpoint":
        endpoint_of(first.engine)  # whose key is looked for now
    tokenizer = None
    if needs_tokenizer(first):
        model = located_model(first.model)
        configs = [replace(config, model=model) for config in configs]
        tokenizer = load_tokenizer(model.tokenizer)
    tasks = prepare(configs, tokenizer)
    judged = [problem for task in tasks for problem in task.benchmark.problems]
    protection = protection_for(first.verifier, judged)
    with ExitStack() as stack:
        file = stack.enter_context(SampleFile(out / SAMPLES))
        missing = {task.benchmark.name: _missing(task, file) for task in tasks}
        verifiers = stack.enter_context(VerifierPool(first.verifier, protection))
        count = sum(map(len, missing.values()))
        whole = sum(len(task.keys()) for task in tasks)
        print(f"{whole - count} of {whole} samples are in {file.path}; {count} are to be sampled", flush=True)
        if first.engine.url is not None and first.engine.kind == "endpoint":
            for line in remarks.answered_elsewhere(_samples(tasks, file), whole, plain_url(first.engine.url)):
                print(line, flush=True)
        if count:
            _generate(tasks, missing, tokenizer, verifiers, file, out)
        results = [_result(task, file, verifiers) for task in tasks]
        if first.engine.kind == "endpoint":
            for line in remarks.seeds_without_effect(_samples(tasks, file), first.protocol.temperature):
                print(line, flush=True)
    places = [out / f"{result['benchmark']}.json" for result in results]
    for place, result in zip(places, results, strict=True):
        write_result(place, result)
    print_table(results, places)
    mirror(first, out, results)
    return 0


def _missing(task: Task, file: SampleFile) -> list[Key]:
    """The samples that are not there yet, in the order in which they are asked for."""
    there = file.read(task.settings_hash)
    return [key for key in task.keys() if (key.problem, key.sample) not in there]


def _samples(tasks: Sequence[Task], file: SampleFile) -> list[Sample]:
    """All samples of the call that are there."""
    found = []
    for task in tasks:
        there = file.read(task.settings_hash)
        found += [there[name] for key in task.keys() if (name := (key.problem, key.sample)) in there]
    return found


def _generate(
    tasks: Sequence[Task],
    missing: dict[str, list[Key]],
    tokenizer: Tokenizer | None,
    verifiers: VerifierPool,
    file: SampleFile,
    out: Path,
) -> None:
    """Samples what is missing; each sample is in the file as soon as it has ended.

    Raises `RunError` where an endpoint failed on more than `engine.max_failed_share` of all samples.
    """
    engine = tasks[0].config.engine
    with Progress("sampled", sum(map(len, missing.values()))) as progress:

        def keep(key: Key, sample: Sample) -> None:
            file.append(sample)
            progress.advance()

        if tokenizer is not None and engine.kind == "vllm":
            from_engines(tasks, missing, tokenizer, verifiers, out, keep)
            return
        failures = from_endpoint(tasks, missing, endpoint_of(engine), keep)
    failed, whole = failures.kinds.total(), sum(len(task.keys()) for task in tasks)
    if not failed:
        return
    said = f"{failed} of {whole} samples have no response: {failures}"
    if failed > engine.max_failed_share * whole:
        raise RunError(
            f"{said}. That is more than engine.max_failed_share={engine.max_failed_share:g}, so no result is written; "
            f"what came is in {file.path}, and the same command asks for the rest"
        )
    print(f"{said}. They are in no figure; the same command asks for them again", flush=True)


def _result(task: Task, file: SampleFile, verifiers: VerifierPool) -> dict[str, Any]:
    """All samples of a benchmark judged by both rules; the pool remembers what it judged while they were sampled."""
    there, problems = file.read(task.settings_hash), task.problems
    responses: dict[str, list[Response]] = {name: [] for name in problems}
    greedy: dict[str, Response] = {}
    tokens: dict[str, int | None] = {}
    urls: set[str] = set()  # of the endpoints that answered
    failed: Counter[str] = Counter()  # samples by problem for which an endpoint gave no response
    for key in sorted(task.keys(), key=lambda key: key.sample):
        sample = there.get((key.problem, key.sample))
        if sample is None:
            failed[key.problem] += key.sample != GREEDY
            continue
        response = Response(key.request_id, problems[key.problem], sample.text, sample.truncated)
        if key.sample == GREEDY:
            greedy[key.problem] = response
        else:
            responses[key.problem].append(response)
        tokens[response.key] = sample.tokens
        urls |= set() if sample.url is None else {sample.url}
    listed = [*greedy.values(), *(response for group in responses.values() for response in group)]
    scored = {rule: score(listed, rule, verifiers) for rule in ANSWER_RULES}
    for found in scored.values():
        check_health([one.verdict for one in found.values()], task.config.verifier.max_infra_error_share)
    settings = {**task.settings, "hash": task.settings_hash, "model_path": _model_path(task.config.model)}
    head = {
        "model": task.config.engine.model or task.config.model.name,
        "protocol": task.config.protocol.name,
        "benchmark": task.benchmark.name,
        "k": task.k,
        "settings": settings | ({"urls": sorted(urls)} if urls else {}),
        "answer_rule": task.config.protocol.answer_rule,
        "coverage": stated_coverage(task.config.benchmark, len(task.benchmark.problems), len(task.benchmark.problems)),
    }
    return result_of(head, task.benchmark.problems, responses, tokens, scored, greedy, failed)


def _model_path(model: ModelConfig) -> str | None:
    """The folder's last two names, which tell checkpoints apart without a path of the machine."""
    return None if model.path is None else os.sep.join(Path(model.path).parts[-2:])
