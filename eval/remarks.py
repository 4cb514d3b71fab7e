"""Lines that a call prints where its figures may not be what they look like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping

from acereason.evaluation.draws import GREEDY
from eval.samples import Sample
from eval.score import Scored

MANY = 0.1  # a share of responses without an answer that is said
ALIKE = 3  # problems whose samples are all the same text that are said


def without_answer(scored: Mapping[str, Mapping[str, Scored]], rule: str) -> Iterator[str]:
    """Where a rule (of answer rule -> key -> verdict) finds no answer in many responses, and whether another does."""
    none = {
        name: {key for key, one in found.items() if one.verdict.verdict == "no_answer"}
        for name, found in scored.items()
    }
    count, whole = len(none[rule]), len(scored[rule])
    if count <= MANY * whole:
        return
    line = f"no answer found in {count} of {whole} responses under answer_rule={rule}"
    for name, missing in none.items():
        if more := len(none[rule] - missing):
            line += f"; protocol.answer_rule={name} finds one in {more} of them"
    yield line


def answered_elsewhere(samples: Collection[Sample], whole: int, url: str) -> Iterator[str]:
    """Where samples that are taken over came from other servers; the name of a model does not tell servers apart.

    whole: how many samples the call is about. url: the server that it would ask.
    """
    elsewhere = Counter(sample.url for sample in samples if sample.url is not None and sample.url != url)
    for other, count in elsewhere.most_common():
        yield f"{count} of {whole} samples were answered by {other}; give another out= to ask anew"


def seeds_without_effect(samples: Collection[Sample], temperature: float) -> Iterator[str]:
    """Where all samples of several problems, of different seeds each, are one text: an endpoint that ignores seeds."""
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.sample != GREEDY:
            groups[sample.benchmark, sample.problem].append(sample)
    tried = [group for group in groups.values() if len({sample.seed for sample in group}) > 1]
    alike = sum(len({sample.text for sample in group}) == 1 for group in tried)
    if temperature > 0 and alike >= ALIKE:
        yield (
            f"warning: of {alike} of {len(tried)} problems all samples are the same text, although temperature is "
            f"{temperature:g} and every sample has a seed of its own: the endpoint seems to ignore seed or "
            "temperature, and k samples then say no more than one"
        )
