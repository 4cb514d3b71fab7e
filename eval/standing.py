"""How a result stands beside the papers' figures: of how many problems it is, and where it left the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from acereason.config.places import conf_dir
from eval import paper
from eval.result_file import Coverage, ResultFile

PROTOCOLS = ("acereason_1_0", "acereason_1_0_14b", "acereason_1_1")  # the papers', of which the first is the base
SETTINGS = ("temperature", "top_p", "max_tokens", "prompt")
# Benchmarks whose k is the paper's though no list of the protocol names them. Of the others k is our choice.
OF_PAPERS_K = ("math500", "humaneval", "humaneval_plus", "mbpp", "mbpp_plus")
TOOLKITS = "last_box"


def coverage_of(result: ResultFile) -> Coverage:
    """How many of the benchmark's problems were evaluated. Files without the field are compared with `conf/benchmark`.

    So are those with it: a smaller `benchmark.problems` does not make a part the whole.
    """
    stated = result.coverage or Coverage(len(result.samples), None)
    counts = [count for count in (stated.of, known_problems(result.benchmark)) if count is not None]
    return Coverage(stated.problems, max(counts) if counts else None, stated.limit)


@cache
def known_problems(benchmark: str) -> int | None:
    """How many problems a benchmark of ours has; None where that is not known."""
    count = _yaml("benchmark", benchmark).get("problems")
    return count if isinstance(count, int) else None


@cache
def protocol_of(name: str) -> Mapping[str, Any]:
    """The papers' protocol of this name; for any other name that of the first paper."""
    base = _yaml("protocol", PROTOCOLS[0])
    return {**base, **_yaml("protocol", name)} if name in PROTOCOLS else base


def _yaml(group: str, name: str) -> dict[str, Any]:
    """A file of `conf/`; empty where there is none. `name` may come from a result file, so it is no path."""
    file = next((path for path in (conf_dir() / group).glob("*.yaml") if path.stem == name), None)
    return {} if file is None else dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def papers_k(protocol: Mapping[str, Any], benchmark: str) -> int | None:
    """Samples of each problem in the papers; None where they do not say."""
    listed = protocol["samples_by_benchmark"].get(benchmark)
    k = protocol["samples"] if listed is None and benchmark in OF_PAPERS_K else listed
    return None if k is None else int(k)


def departures(result: ResultFile, with_k: bool = True) -> tuple[str, ...]:
    """What keeps a result from standing beside the papers' figures as one of theirs; empty where nothing does.

    with_k: False for pass@k, which may be estimated from more samples than the papers average over.
    """
    protocol, coverage = protocol_of(result.protocol), coverage_of(result)
    found = [f"{coverage.text} problems"] if coverage.partial else []
    if not paper.figures(result.benchmark) and result.benchmark not in OF_PAPERS_K:
        return tuple(found)  # a benchmark that the papers do not have
    k = papers_k(protocol, result.benchmark)
    if with_k and k is not None and result.k != k:
        found.append(f"k {result.k_text}, not {k}")
    for name in SETTINGS:
        if name in result.settings and result.settings[name] != protocol[name]:
            found.append(f"{name} {str(result.settings[name])[:40]}, not {protocol[name]}")
    if result.answer_rule != protocol["answer_rule"]:
        whose = " (the released toolkit's)" if result.answer_rule == TOOLKITS else ""
        found.append(f"answer rule {result.answer_rule}{whose}, not {protocol['answer_rule']}")
    if not any(name in result.settings for name in SETTINGS[:3]):  # an import, for one
        found.append(f"not stated: {', '.join(SETTINGS[:3])}")
    return tuple(found)


class Footnotes:
    """Signs for explanations in the order of their first use; the same explanation has the same sign."""

    def __init__(self) -> None:
        self._signs: dict[str, str] = {}

    def sign(self, said: tuple[str, ...]) -> str:
        """A space and the sign of `said`; nothing where nothing is said."""
        if not said:
            return ""
        number = len(self._signs)
        sign = chr(ord("a") + number % 26) * (1 + number // 26)
        return f" ({self._signs.setdefault('; '.join(said), sign)})"

    @property
    def lines(self) -> tuple[str, ...]:
        """Every sign with its explanation."""
        return tuple(f"({sign}) {said}." for said, sign in self._signs.items())
