"""Two result files of one benchmark side by side: differences with intervals, and which problems changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from acereason.errors import InputError
from acereason.evaluation import paired, pass_at_k
from acereason.evaluation.paired import Difference, Transitions
from acereason.evaluation.statistics import Accuracy, Samples, accuracy, infra_errors
from eval.forms import MARKDOWN, PLAIN, Form
from eval.markdown import points, signed
from eval.result_file import ResultFile, plain, read_result

MOST_IDS = 40  # ids named in text; JSON has all
# What a result's settings say of the model itself. `hash` stands for all settings together, `source` and
# `source_sha256` are the files that were imported, `urls` where the model was served. Of the shape the arithmetic alone
# is a condition.
_THE_MODEL = ("weights", "model_path", "hash", "source", "source_sha256", "urls")
NOT_CORRECTED = "The p-values are not corrected for the number of topics."


@dataclass(frozen=True)
class PassDifference:
    """pass@k of a and b over the shared problems (shares of 1)."""

    k: int
    a: float
    b: float


@dataclass(frozen=True)
class Comparison:
    """b against a over the problems that both have. `conditions` names what else differs: (name, in a, in b)."""

    a: ResultFile
    b: ResultFile
    accuracy_a: Accuracy
    accuracy_b: Accuracy
    difference: Difference
    by_topic: Mapping[str, Difference]
    pass_at_k: tuple[PassDifference, ...]
    transitions: Transitions
    conditions: tuple[tuple[str, str, str], ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    infra_errors: tuple[int, int]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Figures by name, in shares of 1; unknown ones are null."""
        made = {
            "benchmark": self.a.benchmark,
            "a": {"model": self.a.model, "k": self.a.k, "avg_at_k": asdict(self.accuracy_a)},
            "b": {"model": self.b.model, "k": self.b.k, "avg_at_k": asdict(self.accuracy_b)},
            "difference": asdict(self.difference),
            "by_topic": {topic: asdict(row) for topic, row in self.by_topic.items()},
            "pass_at_k": [asdict(row) for row in self.pass_at_k],
            "transitions": {"bins": paired.BINS, **asdict(self.transitions)},
            "conditions": [{"name": name, "a": a, "b": b} for name, a, b in self.conditions],
            "only_a": self.only_a,
            "only_b": self.only_b,
            "infra_errors": {"a": self.infra_errors[0], "b": self.infra_errors[1]},
            "seed": self.seed,
        }
        return dict(plain(made))


def compare_files(a: str | Path, b: str | Path, seed: int = 0, resamples: int = paired.RESAMPLES) -> Comparison:
    """The comparison of two result files. Raises `InputError` for a malformed file or different benchmarks."""
    return compare(read_result(a), read_result(b), seed, resamples)


def compare(a: ResultFile, b: ResultFile, seed: int = 0, resamples: int = paired.RESAMPLES) -> Comparison:
    """b against a, paired by problem. Raises `InputError` where there is nothing to compare."""
    if a.benchmark != b.benchmark:
        raise InputError(
            f"the results are of different benchmarks, {a.benchmark!r} ({a.model}) and {b.benchmark!r} ({b.model}); "
            "only results of the same one are compared by problem"
        )
    ids = paired.shared_problems(a.samples, b.samples)
    difference = paired.paired_difference(a.samples, b.samples, seed, resamples)
    ours, theirs = ({key: side.samples[key] for key in ids} for side in (a, b))
    return Comparison(
        a,
        b,
        accuracy(ours),
        accuracy(theirs),
        difference,
        _by_topic(a, b, ids, seed, resamples),
        tuple(_pass_at_k(ours, theirs)),
        paired.transitions(a.samples, b.samples),
        tuple(_conditions(a, b)),
        tuple(sorted(a.samples.keys() - set(ids))),
        tuple(sorted(b.samples.keys() - set(ids))),
        (infra_errors(a.samples), infra_errors(b.samples)),
        seed,
    )


def _by_topic(a: ResultFile, b: ResultFile, ids: list[str], seed: int, resamples: int) -> dict[str, Difference]:
    tables = {}
    for topic in sorted({name for key in ids for name in a.topics[key]}):
        of_topic = {key for key in ids if topic in a.topics[key]}
        parts = [{key: side.samples[key] for key in of_topic} for side in (a, b)]
        tables[topic] = paired.paired_difference(parts[0], parts[1], seed, resamples)
    return tables


def _pass_at_k(a: Samples, b: Samples) -> list[PassDifference]:
    before, after = ({point.k: point.mean for point in pass_at_k.curve(side)} for side in (a, b))
    return [PassDifference(k, before[k], after[k]) for k in sorted(before.keys() & after.keys())]


def _conditions(a: ResultFile, b: ResultFile) -> list[tuple[str, str, str]]:
    """What differs besides the model: protocol, answer rule, k and settings."""
    left = {"protocol": a.protocol, "answer_rule": a.answer_rule, "k": a.k, **_named(a.settings)}
    right = {"protocol": b.protocol, "answer_rule": b.answer_rule, "k": b.k, **_named(b.settings)}
    names = sorted(left.keys() | right.keys())
    pairs = ((name, _shown(left, name), _shown(right, name)) for name in names)
    return [(name, ours, theirs) for name, ours, theirs in pairs if ours != theirs]


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = {f"settings.{key}": value for key, value in settings.items() if key not in _THE_MODEL}
    model = named.pop("settings.model", None)
    if isinstance(model, Mapping) and "dtype" in model:
        named["settings.model.dtype"] = model["dtype"]
    return named


def _shown(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name], sort_keys=True) if name in values else "(absent)"


def markdown(comparison: Comparison) -> str:
    """The comparison as a Markdown page."""
    return _written(comparison, MARKDOWN)


def plain_text(comparison: Comparison) -> str:
    """The comparison for a terminal."""
    return _written(comparison, PLAIN)


def _written(comparison: Comparison, form: Form) -> str:
    d = comparison.difference
    a, b = comparison.a, comparison.b
    parts = [form.heading(1, f"{a.benchmark}: {b.model} against {a.model}")]
    rows = [
        ["a", a.model, points(comparison.accuracy_a.mean), points(comparison.accuracy_a.sampling_error), a.k_text],
        ["b", b.model, points(comparison.accuracy_b.mean), points(comparison.accuracy_b.sampling_error), b.k_text],
    ]
    parts.append(form.table(["", "model", "avg@k", "± (these problems)", "k"], rows))
    parts.append(
        f"b - a over {d.problems} problems: {form.strong(signed(d.mean))} points, {d.level:.0%} interval {interval(d)} "
        f"(bootstrap over problems), p = {p_value(d)}. Standard error {points(d.standard_error)} over problems, "
        f"{points(d.sampling_error)} over samples of these problems."
    )
    if comparison.conditions:
        rows = [list(row) for row in comparison.conditions]
        parts += ["The two were not evaluated alike:", form.table(["", "a", "b"], rows)]
    for name, ids in (("a", comparison.only_a), ("b", comparison.only_b)):
        if ids:
            listed = _ids(ids, form)
            parts.append(f"Only {name} has judged samples of {len(ids)} problems, which are left out: {listed}.")
    if any(comparison.infra_errors):
        parts.append("Samples without a verdict, left out: a {}, b {}.".format(*comparison.infra_errors))
    if comparison.by_topic:
        rows = [
            [topic, str(row.problems), signed(row.mean), interval(row), p_value(row)]
            for topic, row in comparison.by_topic.items()
        ]
        parts += [form.heading(2, "By topic"), form.table(["topic", "problems", "b - a", "interval", "p"], rows)]
        parts.append(NOT_CORRECTED)
    rows = [[str(row.k), points(row.a), points(row.b), signed(row.b - row.a)] for row in comparison.pass_at_k]
    parts += [form.heading(2, "pass@k"), form.table(["k", "a", "b", "b - a"], rows)]
    moved = comparison.transitions
    rows = [[name, *map(str, row)] for name, row in zip(paired.BINS, moved.matrix, strict=True)]
    parts.append(form.heading(2, "Problems by solve rate: a down, b across"))
    parts.append(form.table(["a \\ b", *paired.BINS], rows))
    for title, ids in (("Newly solved", moved.newly_solved), ("Lost", moved.lost), ("Solved by neither", moved.never)):
        parts.append(f"{title}: {len(ids)}" + (f": {_ids(ids, form)}." if ids else "."))
    return "\n\n".join(parts) + "\n"


def interval(d: Difference) -> str:
    """The ends of the interval in points."""
    return f"{signed(d.low)} to {signed(d.high)}" if d.low == d.low else "unknown"


def p_value(d: Difference) -> str:
    """The p-value to three digits."""
    return "unknown" if d.p_value != d.p_value else f"{d.p_value:.3g}"


def _ids(ids: tuple[str, ...], form: Form) -> str:
    said = ", ".join(form.cell(key) for key in ids[:MOST_IDS])
    return said + (f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else "")
