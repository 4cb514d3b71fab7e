"""The result of one benchmark: every verdict, and the figures that a terminal shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acereason.config.eval_schema import BenchmarkConfig
from acereason.evaluation.statistics import avg_at_k
from acereason.problems import Problem
from acereason.tracking.files import write_json
from eval.benchmarks_formats import TOPIC
from eval.kept import keep_earlier
from eval.score import Response, Scored, by_problem


def result_of(
    head: Mapping[str, Any],
    problems: Sequence[Problem],
    responses: Mapping[str, Sequence[Response]],
    tokens: Mapping[str, int | None],
    scored: Mapping[str, Mapping[str, Scored]],
    greedy: Mapping[str, Response] | None = None,
    failed: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The result file's content.

    Args:
        head: `model`, `protocol`, `benchmark`, `k`, `settings` and `answer_rule`, whose verdicts are listed; and
            `coverage` where it is known.
        responses: those of each problem by its id, in order of their numbers.
        tokens: of each response by its key; None where that is not known.
        scored: answer rule -> key -> verdict.
        greedy: the response at temperature 0 of each problem, where the protocol asks for one.
        failed: samples of each problem for which there is no response. They are listed as `infra_error`, which says
            nothing about the model and is in no figure.
    """
    greedy, failed = greedy or {}, failed or {}
    chosen = scored[head["answer_rule"]]

    def row_of(response: Response) -> dict[str, Any]:
        one = chosen[response.key]
        return {
            "verdict": one.verdict.verdict,
            "reward": one.verdict.reward,
            "tokens": tokens[response.key],
            "truncated": response.truncated,
            "answer": one.answer,
        }

    rows: list[dict[str, Any]] = []
    for problem in problems:
        listed = [row_of(response) for response in responses[problem.id]]
        listed += [dict(_NO_RESPONSE) for _ in range(failed.get(problem.id, 0))]
        row = {"id": problem.id, "topic": problem.metadata.get(TOPIC), "samples": listed}
        rows.append(row | ({"greedy": row_of(greedy[problem.id])} if problem.id in greedy else {}))
    keys = {name: [response.key for response in listed] for name, listed in responses.items()}
    drawn = [response for group in responses.values() for response in group]
    known = [count for response in drawn if (count := tokens[response.key]) is not None]
    accuracy = {rule: _figures(by_problem(problems, found, keys)) for rule, found in scored.items()}
    at_zero = {name: [response.key] for name, response in greedy.items()}
    answered = [problem for problem in problems if problem.id in greedy]
    return {
        **head,
        "summary": {
            **accuracy[head["answer_rule"]],
            "problems": len(problems),
            "samples": len(drawn),
            "tokens_mean": sum(known) / len(known) if known else None,
            "truncated": sum(response.truncated for response in drawn) / max(1, len(drawn)),
            "infra_errors": sum(chosen[response.key].verdict.verdict == "infra_error" for response in drawn),
            "failed_requests": sum(failed.values()),
            "by_answer_rule": accuracy,
            **({"greedy": _figures(by_problem(answered, chosen, at_zero))} if greedy else {}),
        },
        "problems": rows,
    }


def stated_coverage(asked: BenchmarkConfig, evaluated: int, loaded: int) -> dict[str, int | None]:
    """How many of the benchmark's problems were evaluated; `of` is null where a limit hides how many there are."""
    of = asked.problems if asked.problems is not None or asked.limit is not None else loaded
    return {"problems": evaluated, "of": of, "limit": asked.limit}


_NO_RESPONSE = {"verdict": "infra_error", "reward": None, "tokens": None, "truncated": False, "answer": None}


def _figures(rewards: Sequence[Sequence[float]]) -> dict[str, float]:
    figures = avg_at_k(rewards)
    return {"avg_at_k": figures.mean, "standard_error": figures.standard_error}


def write_result(path: Path, result: Mapping[str, Any]) -> None:
    """Writes a result beside its place and renames it; an earlier one that it does not cover is kept and said."""
    keep_earlier(path, result)
    write_json(path, dict(result))


def print_table(results: Sequence[Mapping[str, Any]], places: Sequence[Path]) -> None:
    """One line a benchmark: accuracy in per cent under both answer rules, with its standard error."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{results[0]['model']}, protocol {results[0]['protocol']}")
    for name in ("benchmark", "problems", "k", "avg@k", "last box anywhere", "tokens", "cut"):
        table.add_column(name, justify="left" if name == "benchmark" else "right")
    for result in results:
        summary = result["summary"]
        rules = summary["by_answer_rule"]
        tokens = summary["tokens_mean"]
        table.add_row(
            str(result["benchmark"]),
            _problems(result),
            str(result["k"]),
            _percent(rules["after_thinking"]),
            _percent(rules["last_box"]),
            "-" if tokens is None else f"{tokens:.0f}",
            f"{100 * summary['truncated']:.1f} %",
        )
    console = Console()
    console.print(table)
    for place in places:
        console.print(f"written to {place}", soft_wrap=True)


def _problems(result: Mapping[str, Any]) -> str:
    count, of = result["summary"]["problems"], result.get("coverage", {}).get("of")
    return f"{count}" if of is None or of == count else f"{count} of {of}"


def _percent(figures: Mapping[str, float]) -> str:
    return f"{100 * figures['avg_at_k']:.1f} ± {100 * figures['standard_error']:.1f}"
