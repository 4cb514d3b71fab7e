"""The result of one model on one benchmark as one JSON file: what was asked, and every sample's verdict.

`{"model", "protocol", "benchmark", "k", "settings", "answer_rule", "problems": [{"id", "topic", "samples": [{"verdict",
"reward", "tokens", "truncated", "answer"}]}]}`; a problem may have `greedy`, its response at temperature 0, of the same
fields. `k` is null where problems have different numbers of samples, `topic` a name, a list of names or null, `tokens`
null where nobody counted, `answer` the extracted answer or null, `settings` an object, `reward` what the verdict stands
for (null for `infra_error`). `coverage` (older files lack it) is `{"problems", "of", "limit"}`: how many problems were
evaluated, of how many (null where that is not known), and the limit that was set (or null). A `summary` may stand
beside them; it is not read, since all figures are worked out from the samples. Reading is strict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from acereason.errors import InputError
from acereason.evaluation.statistics import Sample
from acereason.problems import VERDICTS, Verdict
from acereason.tracking.files import write_bytes

_FIELDS = ("model", "protocol", "benchmark", "k", "settings", "answer_rule", "problems")
_PROBLEM = ("id", "topic", "samples")
_COVERAGE = ("problems", "of", "limit")
MOST_TOKENS = 10**9  # of one response, far above any model's context
_SAMPLE = ("verdict", "reward", "tokens", "truncated", "answer")


@dataclass(frozen=True)
class Coverage:
    """How many problems were evaluated, of how many (None: not known), and the limit that was set."""

    problems: int
    of: int | None
    limit: int | None = None

    @property
    def partial(self) -> bool:
        return self.problems < self.of if self.of is not None else self.limit is not None

    @property
    def text(self) -> str:
        if self.of is not None:
            return f"{self.problems} of {self.of}"
        return f"the first {self.problems}" if self.partial else str(self.problems)


@dataclass(frozen=True)
class ResultFile:
    """One evaluation. `samples[problem][i]` and `verdicts[problem][i]` are one response; `k` None: problems differ."""

    model: str
    protocol: str
    benchmark: str
    k: int | None
    settings: Mapping[str, Any]
    answer_rule: str
    topics: Mapping[str, tuple[str, ...]]
    samples: Mapping[str, tuple[Sample, ...]]
    verdicts: Mapping[str, tuple[str, ...]]
    greedy: Mapping[str, Sample] = field(default_factory=dict)
    greedy_verdicts: Mapping[str, str] = field(default_factory=dict)
    coverage: Coverage | None = None  # None: the file does not say

    @property
    def k_text(self) -> str:
        return "varies" if self.k is None else str(self.k)

    @property
    def title(self) -> str:
        return f"{self.model} on {self.benchmark}"


def read_result(path: str | Path) -> ResultFile:
    """One result file. Raises `InputError`, which names the file, the place and what was expected."""
    path = Path(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected the result of an evaluation in JSON: {error}") from None
    return parse_result(raw, str(path))


def parse_result(raw: Any, where: str) -> ResultFile:
    """The result that `raw` (parsed JSON) holds; `where` names it in messages. Raises `InputError`."""
    _keys(raw, _FIELDS, where, optional=("summary", "coverage"))
    names = [_typed(raw[key], str, f"{where}: {key}") for key in ("model", "protocol", "benchmark", "answer_rule")]
    k = None if raw["k"] is None else _typed(raw["k"], int, f"{where}: k")
    settings = _typed(raw["settings"], dict, f"{where}: settings")
    topics, samples, verdicts, greedy, greedy_verdicts = {}, {}, {}, {}, {}
    for number, problem in enumerate(_typed(raw["problems"], list, f"{where}: problems")):
        _keys(problem, _PROBLEM, f"{where}: problems[{number}]", optional=("greedy",))
        key = _typed(problem["id"], str, f"{where}: problems[{number}].id")
        place = f"{where}: problem {key!r}"
        if key in samples:
            raise InputError(f"{place} stands in the file twice")
        rows = _typed(problem["samples"], list, f"{place}: samples")
        if k is not None and len(rows) != k:
            raise InputError(f"{place} has {len(rows)} samples; k is {k}, and an average needs all of them")
        parsed = [_sample(row, f"{place}: samples[{index}]") for index, row in enumerate(rows)]
        topics[key] = _topics(problem["topic"], f"{place}: topic")
        samples[key] = tuple(sample for sample, _ in parsed)
        verdicts[key] = tuple(verdict for _, verdict in parsed)
        if problem.get("greedy") is not None:
            greedy[key], greedy_verdicts[key] = _sample(problem["greedy"], f"{place}: greedy")
    if (k is not None and k < 1) or not samples:
        raise InputError(f"{where}: expected at least one problem and k >= 1; got {len(samples)} problems, k={k}")
    model, protocol, benchmark, answer_rule = names
    found = (topics, samples, verdicts, greedy, greedy_verdicts)
    coverage = None if raw.get("coverage") is None else _coverage(raw["coverage"], len(samples), f"{where}: coverage")
    return ResultFile(model, protocol, benchmark, k, settings, answer_rule, *found, coverage)


def write_result(result: ResultFile, path: str | Path) -> None:
    """Writes the file that `read_result` reads; it is complete or absent."""
    problems: list[dict[str, Any]] = []
    for key, samples in result.samples.items():
        rows = [_row(sample, verdict) for sample, verdict in zip(samples, result.verdicts[key], strict=True)]
        problem: dict[str, Any] = {"id": key, "topic": list(result.topics.get(key, ())) or None, "samples": rows}
        if key in result.greedy:
            problem["greedy"] = _row(result.greedy[key], result.greedy_verdicts[key])
        problems.append(problem)
    head = {
        "model": result.model, "protocol": result.protocol, "benchmark": result.benchmark, "k": result.k,
        "settings": dict(result.settings), "answer_rule": result.answer_rule,
        **({} if result.coverage is None else {"coverage": asdict(result.coverage)}),
    }  # fmt: skip
    write_bytes(Path(path), json.dumps({**head, "problems": problems}, ensure_ascii=True, indent=1).encode())


def _row(sample: Sample, verdict: str) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "reward": Verdict(verdict).reward,
        "tokens": sample.tokens,
        "truncated": sample.truncated,
        "answer": sample.answer,
    }


def _sample(row: Any, place: str) -> tuple[Sample, str]:
    _keys(row, _SAMPLE, place)
    verdict = _typed(row["verdict"], str, f"{place}.verdict")
    if verdict not in VERDICTS:
        raise InputError(f"{place}.verdict: {verdict!r} is not one of {', '.join(VERDICTS)}")
    expected = Verdict(verdict).reward
    reward = row["reward"]
    if reward != expected or isinstance(reward, bool):
        raise InputError(f"{place}.reward: {verdict!r} stands for {expected}, got {reward!r}")
    tokens = None if row["tokens"] is None else _typed(row["tokens"], int, f"{place}.tokens")
    if tokens is not None and tokens < 0:
        raise InputError(f"{place}.tokens: expected 0 or more, got {tokens}")
    if tokens is not None and tokens > MOST_TOKENS:
        said = f"expected at most {MOST_TOKENS:,}, got {str(tokens)[:40]}; put the count of its tokens there, or null"
        raise InputError(f"{place}.tokens: {said}")
    answer = row["answer"]
    if answer is not None:
        _typed(answer, str, f"{place}.answer")
    correct = None if verdict == "infra_error" else verdict == "correct"
    return Sample(correct, tokens, _typed(row["truncated"], bool, f"{place}.truncated"), answer), verdict


def _coverage(row: Any, listed: int, place: str) -> Coverage:
    _keys(row, _COVERAGE, place)
    problems = _typed(row["problems"], int, f"{place}.problems")
    of, limit = (None if row[key] is None else _typed(row[key], int, f"{place}.{key}") for key in ("of", "limit"))
    if problems != listed:
        raise InputError(f"{place}.problems: is {problems}; the file lists {listed} problems")
    if of is not None and of < problems:
        raise InputError(f"{place}.of: is {of}, fewer than the {problems} problems that were evaluated")
    return Coverage(problems, of, limit)


def _topics(value: Any, place: str) -> tuple[str, ...]:
    names = [] if value is None else [value] if isinstance(value, str) else _typed(value, list, place)
    return tuple(_typed(name, str, place) for name in names)


def _keys(row: Any, fields: tuple[str, ...], place: str, optional: tuple[str, ...] = ()) -> None:
    if not isinstance(row, dict):
        raise InputError(f"{place}: expected an object, got {type(row).__name__}")
    absent, unknown = [f for f in fields if f not in row], sorted(set(row) - {*fields, *optional})
    if absent or unknown:
        said = f"absent: {', '.join(absent)}" if absent else f"not known: {', '.join(unknown)}"
        raise InputError(f"{place}: expected the fields {', '.join(fields)}; {said}")


def _typed(value: Any, kind: type, place: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{place}: expected {kind.__name__}, got {type(value).__name__} {str(value)[:60]!r}")
    return value


def plain(value: Any) -> Any:
    """`value` for strict JSON: numbers that are not finite become null, tuples lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
