"""Everything that is said of one result file: its statistics, and the paper's figures for the same benchmark."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from acereason.evaluation import lengths, majority, paired, pass_at_k, statistics
from acereason.evaluation.lengths import Histogram, Lengths
from acereason.evaluation.majority import MajorityAtK
from acereason.evaluation.pass_at_k import PassAtK
from acereason.evaluation.statistics import Accuracy
from eval import paper
from eval.result_file import Coverage, ResultFile
from eval.standing import coverage_of, departures

Z = 1.96  # ends of a normal 95 % interval, in standard errors


@dataclass(frozen=True)
class BesideThePaper:
    """Our accuracy less a figure of the paper, in per cent points.

    `low` and `high` cover our sampling error alone (95 %): the paper gives no error of its figure, so a difference
    outside of them may still be chance. All three are nan for a result of a part of the problems.
    """

    table: str
    source: str
    row: str
    figure: float
    mark: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Statistics of one result; accuracies are shares of 1."""

    result: ResultFile
    accuracy: Accuracy
    infra_errors: int
    pass_at_k: tuple[PassAtK, ...]
    majority: tuple[MajorityAtK, ...]
    by_topic: Mapping[str, Accuracy]
    solve_rates: tuple[int, ...]
    lengths: Mapping[str, Lengths]
    histogram: Histogram
    verdicts: Mapping[str, int]
    paper: tuple[BesideThePaper, ...]
    coverage: Coverage
    departures: tuple[str, ...]  # from the papers' problems, k and protocol
    greedy: Accuracy | None = None  # of the responses at temperature 0, where there are any

    def to_json(self) -> dict[str, Any]:
        """Figures by name; see the dataclasses for units. Figures that cannot be known are nan."""
        head = {
            key: getattr(self.result, key) for key in ("model", "protocol", "benchmark", "k", "settings", "answer_rule")
        }
        return {
            **head,
            "coverage": asdict(self.coverage),
            "departures": list(self.departures),
            "avg_at_k": asdict(self.accuracy),
            "infra_errors": self.infra_errors,
            "greedy": None if self.greedy is None else asdict(self.greedy),
            "pass_at_k": [asdict(point) for point in self.pass_at_k],
            "majority_at_k": [asdict(point) for point in self.majority],
            "by_topic": {topic: asdict(row) for topic, row in self.by_topic.items()},
            "solve_rates": dict(zip(paired.BINS, self.solve_rates, strict=True)),
            "lengths": {
                name: {**asdict(row), "quantiles": dict(zip(map(str, lengths.QUANTILES), row.quantiles, strict=True))}
                for name, row in self.lengths.items()
            },
            "verdicts": dict(self.verdicts),
            "paper": [asdict(row) for row in self.paper],
        }


def summarise(result: ResultFile, seed: int = 0) -> Summary:
    """All statistics of one result; `seed` is that of majority@k where choices are drawn."""
    samples, coverage = result.samples, coverage_of(result)
    accuracy = statistics.accuracy(samples)
    fewest = min((n for rows in samples.values() if (n := len(statistics.judged(rows)))), default=0)
    curve = pass_at_k.curve(samples, sorted({*pass_at_k.powers(fewest), fewest}))
    voted = any(sample.answer is not None for rows in samples.values() for sample in rows)
    votes = [majority.majority_at_k(samples, point.k, seed) for point in curve if voted]
    rates = list(statistics.solve_rates(samples).values())
    return Summary(
        result,
        accuracy,
        statistics.infra_errors(samples),
        tuple(curve),
        tuple(votes),
        statistics.by_topic(samples, result.topics),
        tuple(paired.rate_counts(rates)),
        lengths.by_verdict(samples),
        lengths.histogram(samples),
        dict(Counter(verdict for rows in result.verdicts.values() for verdict in rows).most_common()),
        tuple(beside_the_paper(result.benchmark, accuracy, coverage.partial)),
        coverage,
        departures(result),
        statistics.accuracy({key: [one] for key, one in result.greedy.items()}) if result.greedy else None,
    )


def beside_the_paper(benchmark: str, accuracy: Accuracy, partial: bool = False) -> list[BesideThePaper]:
    """The paper's figures for the benchmark, each with our difference from it. Ratings are no accuracies: left out.

    partial: ours is of a part of the problems, which may be the easy ones, so no difference is worked out.
    """
    if benchmark == "codeforces_elo":
        return []
    rows = []
    for figure in paper.figures(benchmark):
        difference = math.nan if partial else 100 * accuracy.mean - figure.cell.value
        margin = 100 * Z * accuracy.sampling_error
        rows.append(
            BesideThePaper(
                figure.table, figure.source, figure.name, figure.cell.value, figure.cell.mark,
                difference, difference - margin, difference + margin,
            )
        )  # fmt: skip
    return rows
