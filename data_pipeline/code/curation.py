"""The curation of one problem's tests: what is asked, in which order, and what follows from the answers.

`curate` is a course (see `examiner.py`): it yields questions about programs and gets findings, so it is a function of
the problem, the settings and the findings alone. Nothing of a program runs here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from acereason.problems import TestCase, Tests
from acereason.verifiers.code.examine import Finding, Question
from data_pipeline.code.answers import agree, expected_of, is_same_up_to_order
from data_pipeline.code.examiner import Ask, Course
from data_pipeline.code.inputs import Inputs, inputs_for
from data_pipeline.code.limits import calibrated
from data_pipeline.code.mutants import mutants_of
from data_pipeline.code.settings import CurationConfig
from data_pipeline.code.strength import Strength, killers_first, least_set, strength

_CHECK = Question(compare=True, capture=True, alone=False, most_timeouts=2)
_ANSWERS = Question(compare=False, capture=True, alone=False, most_timeouts=4)
_OTHERWISE = replace(_ANSWERS, hash_seed=20251)  # where sets of texts have another order than in training
_TIMES = Question(compare=False, capture=False, alone=True)
_KILLS = Question(compare=True, capture=False, alone=False, most_crashes=8)
_TIMES_SLOWER = 20.0  # than the reference: where a mutant counts as too slow
_WRONG = ("wrong", "timeout", "resource", "crash")


def tests_of(text: str | None) -> Tests:
    """The `tests` of a row; without cases where it has none."""
    tests: dict[str, Any] = json.loads(text) if text else {"kind": "function", "entry_point": "f"}
    cases = tuple(TestCase(case["input"], case["output"]) for case in tests.pop("cases", ()))
    return Tests(cases=cases, **{name: value for name, value in tests.items() if value is not None})


@dataclass
class Curated:
    """What was found out about a problem. `tests` is None where they cannot be used; `why` says so in one word."""

    tests: Tests | None = None
    why: str | None = None
    references: int = 0  # looked at
    references_passing: int = 0
    references_random: int = 0  # pass, but answer otherwise under another seed, of `random` or of hashes
    first_failure: str = ""
    answers_differ: int = 0  # cases and made inputs on which two references that run answer differently
    answers_reordered: int = 0  # of those: the same items in another order
    cases: int = 0
    cases_outside: int = 0  # given cases that break a stated limit, left out
    inputs_tried: int = 0
    inputs_refused: int = 0  # made inputs on which a reference fails
    inputs_disagreed: int = 0
    cases_added: int = 0
    not_made: str = ""  # why no input was made
    before: Strength = field(default_factory=lambda: Strength(0, 0, 0))
    after: Strength = field(default_factory=lambda: Strength(0, 0, 0))
    held_out: tuple[int, int, int] = (0, 0, 0)  # wrong programs not used to choose cases: (all, found before, after)
    wrong_given: int = 0
    wrong_passing: int = 0  # of those: pass all the final tests
    constant: bool = False  # one and the same output is expected everywhere
    front: int = 0  # cases at the front that find all that any case finds
    survivors: list[str] = field(default_factory=list)  # the changes of mutants that no case finds

    def stop(self, why: str) -> Curated:
        self.tests, self.why = None, why
        return self


def curate(
    statement: str, starter_code: str | None, tests: Tests, references: Sequence[str], wrong: Sequence[str],
    settings: CurationConfig,
) -> Course[Curated]:  # fmt: skip
    """The course of one problem of kind stdin or function. Its cases keep their order until the end."""
    found = Curated(cases=len(tests.cases), references=len(references[: settings.references]))
    if not references:
        return found.stop("no_reference")
    if not tests.cases:
        return found.stop("no_cases")
    if all(_says_nothing(case.output) for case in tests.cases):
        return found.stop("empty_outputs")
    seed = int.from_bytes(blake2b(statement.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "big")
    stated_s = tests.time_limit_s
    limit_s = max(tests.time_limit_s or 0.0, settings.reference_cpu_s)
    tests = replace(tests, time_limit_s=limit_s)

    good: list[str] = yield from _sound_references(tests, references[: settings.references], settings, found)
    if not good:
        return found
    inputs = inputs_for(
        statement, starter_code, tests, settings.made_inputs, settings.most_input_chars, seed
    )  # fmt: skip
    found.not_made = inputs.why_not
    tests = _within_limits(tests, inputs, found)
    if all(_says_nothing(case.output) for case in tests.cases):  # also where none is left
        return found.stop("no_cases")
    made = yield from _answered(tests, inputs, good, settings, found)
    everything = replace(tests, cases=(*tests.cases, *made))
    slowest_s = yield from _slowest(everything, good)
    limit = calibrated(
        slowest_s, stated_s, settings.time_factor, settings.time_floor_s, settings.time_ceiling_s
    )  # fmt: skip
    if limit is None:
        return found.stop("slow_reference")
    mutant_s = min(limit_s, max(settings.mutant_cpu_s, _TIMES_SLOWER * slowest_s))
    drawn = mutants_of(good[0], settings.mutants, seed)
    programs = [mutant.program for mutant in drawn]
    given_wrong = [program for program in dict.fromkeys(wrong) if program not in good]
    given_wrong = given_wrong[: settings.wrong_solutions]
    asks = [Ask(program, replace(everything, time_limit_s=mutant_s), _KILLS) for program in programs]
    asks += [Ask(program, everything, _KILLS) for program in given_wrong]
    answers = (yield asks) if asks else []
    kills = [[finding.verdict in _WRONG for finding in findings] for findings in answers]

    chosen = _chosen(kills, len(programs), len(tests.cases), made, settings, found)
    _count(kills, len(programs), len(tests.cases), chosen, len(made), settings, found)
    found.survivors = [
        mutant.change for mutant, row in zip(drawn, kills, strict=False) if not any(row[case] for case in chosen)
    ][:5]  # fmt: skip
    sizes = [len(json.dumps(everything.cases[case].input)) for case in chosen]
    within = [[row[case] for case in chosen] for row in kills]
    order = killers_first(within, sizes)
    found.front = least_set(within, sizes)
    found.cases_added = sum(case >= len(tests.cases) for case in chosen)
    final = replace(
        everything, cases=tuple(everything.cases[chosen[place]] for place in order), time_limit_s=limit
    )  # fmt: skip
    found.constant = len({json.dumps(case.output) for case in final.cases}) == 1
    return (yield from _as_training_judges(final, good, given_wrong, found))


def _sound_references(
    tests: Tests, references: Sequence[str], settings: CurationConfig, found: Curated
) -> Course[list[str]]:
    """References that pass every given case in time, and answer the same with other seeds of `random` and of hashes."""
    answers = yield [Ask(program, tests, _CHECK) for program in references]
    passing = [index for index, findings in enumerate(answers) if _all(findings, "correct")]
    found.references_passing = len(passing)
    _compare(tests.kind, answers, found)
    if not passing:
        found.first_failure = _first_failure(answers[0])
        found.stop("failing_reference")
        return []
    if any(_is_slow(answers[index], settings) for index in passing[:2]):  # known before anything else is run
        found.stop("slow_reference")
        return []
    backwards = replace(tests, cases=tests.cases[::-1])  # what a program keeps between calls shows then, too
    again = yield [Ask(_reseeded(references[index]), backwards, _OTHERWISE) for index in passing]
    steady = [
        index for index, findings in zip(passing, again, strict=True)
        if all(_same(tests.kind, one, two) for one, two in zip(answers[index], findings[::-1], strict=True))
    ]  # fmt: skip
    found.references_random = len(passing) - len(steady)
    if not steady:
        found.stop("random_reference")
        return []
    return [references[index] for index in steady]


def _is_slow(findings: Sequence[Finding], settings: CurationConfig) -> bool:
    """Whether the time limit that a reference needs for one of its cases is above the ceiling."""
    return settings.time_factor * max(finding.cpu_s for finding in findings) > settings.time_ceiling_s


_TIMED = 4  # of the largest inputs


def _slowest(tests: Tests, good: Sequence[str]) -> Course[float]:
    """CPU seconds of the slowest reference on one of the largest inputs, each in a process of its own."""
    largest = sorted(tests.cases, key=lambda case: -len(json.dumps(case.input)))[:_TIMED]
    answers = yield [Ask(program, replace(tests, cases=tuple(largest)), _TIMES) for program in good[:2]]
    return max(finding.cpu_s for findings in answers for finding in findings)


def _says_nothing(output: Any) -> bool:
    """Whether a program that does nothing would give this output; the verifier refuses tests of nothing else."""
    return output is None or (isinstance(output, str) and not output.strip())


def _reseeded(program: str) -> str:
    """A program whose draws from `random` are others. A `__future__` import has to stay first, so it is left alone."""
    return program if "__future__" in program else f"import random\nrandom.seed(20251)\n{program}"


def _all(findings: Sequence[Finding], verdict: str) -> bool:
    return all(finding.verdict == verdict for finding in findings)


def _same(kind: str, one: Finding, two: Finding) -> bool:
    return one.answer is not None and two.answer is not None and agree(kind, one.answer, two.answer)


def _first_failure(findings: Sequence[Finding]) -> str:
    for number, finding in enumerate(findings, start=1):
        if finding.verdict != "correct":
            return f"case {number} of {len(findings)}: {finding.verdict}" + (
                f", {finding.detail}" if finding.detail else ""
            )
    return ""


def _compare(kind: str, answers: Sequence[Sequence[Finding]], found: Curated) -> None:
    """Counts the cases on which the first two references that answer do not agree."""
    for one, two in zip(*answers[:2], strict=True) if len(answers) > 1 else ():
        if one.answer is not None and two.answer is not None and not agree(kind, one.answer, two.answer):
            found.answers_differ += 1
            found.answers_reordered += is_same_up_to_order(kind, one.answer, two.answer)


def _within_limits(tests: Tests, inputs: Inputs, found: Curated) -> Tests:
    """The tests without the cases that break a limit of the statement, unless that would leave nothing."""
    outside = set(inputs.outside)
    found.cases_outside = len(outside)
    return replace(tests, cases=tuple(case for index, case in enumerate(tests.cases) if index not in outside))


def _answered(
    tests: Tests, inputs: Inputs, good: Sequence[str], settings: CurationConfig, found: Curated
) -> Course[list[TestCase]]:
    """Made inputs with the answer that the references agree on.

    Two references are asked, or the only one twice, the second time with other random numbers and other hashes and
    in the opposite order. An input on which one of them fails is not used; where they disagree on too many, the
    statement was misunderstood or one of them is wrong, and none is used.
    """
    found.inputs_tried = len(inputs.made)
    if not inputs.made:
        return []
    asked = replace(tests, cases=tuple(TestCase(given, None) for given in inputs.made))
    second = good[1] if len(good) > 1 else _reseeded(good[0])
    backwards = replace(asked, cases=asked.cases[::-1])
    first_answers, second_answers = yield [Ask(good[0], asked, _ANSWERS), Ask(second, backwards, _OTHERWISE)]
    cases: list[TestCase] = []
    for given, one, two in zip(inputs.made, first_answers, second_answers[::-1], strict=True):
        if one.answer is None or two.answer is None:
            found.inputs_refused += 1
            continue
        if not agree(tests.kind, one.answer, two.answer):
            found.inputs_disagreed += 1
            found.answers_differ += 1
            found.answers_reordered += is_same_up_to_order(tests.kind, one.answer, two.answer)
            continue
        try:
            expected = expected_of(tests.kind, one.answer)
        except ValueError:
            found.inputs_refused += 1
            continue
        if len(one.answer) > settings.most_input_chars or settings.time_factor * one.cpu_s > settings.time_ceiling_s:
            found.inputs_refused += 1
            continue
        cases.append(TestCase(given, expected))
    answered = len(cases) + found.inputs_disagreed
    if answered and found.inputs_disagreed > settings.most_disagreement * answered:
        return []
    return cases


def _chosen(
    kills: Sequence[Sequence[bool]], mutants: int, given: int, made: Sequence[TestCase], settings: CurationConfig,
    found: Curated,
) -> list[int]:  # fmt: skip
    """The cases that stay: all given ones, and of the made ones those that find most that the given ones do not.

    Only every other mutant has a say, so that the rest can tell what the added cases are worth (`held_out`). What
    is left of `added_cases` goes to made inputs in their order, which is least, edges, small, medium, large, changed:
    every few of them, so that each kind has its share.
    """
    voters = [row for index, row in enumerate(kills) if index >= mutants or index % 2 == 0]
    left = [row for row in voters if not any(row[:given])]
    chosen = list(range(given))
    added: list[int] = []
    candidates = list(range(given, given + len(made)))
    while left and len(added) < settings.added_cases:
        best = max(candidates, key=lambda case: (sum(row[case] for row in left), -case), default=None)
        if best is None or not any(row[best] for row in left):
            break
        added.append(best)
        left = [row for row in left if not row[best]]
    rest = [case for case in candidates if case not in added]
    room = settings.added_cases - len(added)
    if room > 0 and rest:
        step = max(1.0, len(rest) / room)
        added += [rest[int(place * step)] for place in range(min(room, len(rest)))]
    held_out = [row for index, row in enumerate(kills[:mutants]) if index % 2 == 1]
    chosen += sorted(added)
    found.held_out = (
        sum(any(row) for row in held_out),
        sum(any(row[:given]) for row in held_out),
        sum(any(row[case] for case in chosen) for row in held_out),
    )
    return chosen


def _count(
    kills: Sequence[Sequence[bool]], mutants: int, given: int, chosen: Sequence[int], made: int,
    settings: CurationConfig, found: Curated,
) -> None:  # fmt: skip
    """Strength before and after. A mutant that nothing finds is presumed equivalent where enough inputs were tried."""
    enough = made >= settings.probe_inputs
    equivalent = [enough and index < mutants and not any(row) for index, row in enumerate(kills)]
    found.before = strength(kills, range(given), equivalent)
    found.after = strength(kills, chosen, equivalent)


def _as_training_judges(
    final: Tests, good: Sequence[str], wrong: Sequence[str], found: Curated
) -> Course[Curated]:  # fmt: skip
    """The final tests judge the references and the given wrong solutions as training will."""
    verdicts = yield [Ask(program, final) for program in (*good, *wrong)]
    right = [findings[0].verdict == "correct" for findings in verdicts]
    found.wrong_given, found.wrong_passing = len(wrong), sum(right[len(good) :])
    if not right[0]:
        found.first_failure = f"{verdicts[0][0].verdict}, {verdicts[0][0].detail}"
        return found.stop("reference_fails_final_tests")
    found.tests = final
    return found


def as_row(found: Curated) -> dict[str, Any]:
    """What was found out, as plain columns named `curation_...`; shares are None where there is nothing to share."""
    return {
        "why": found.why,
        "references": found.references,
        "references_passing": found.references_passing,
        "references_random": found.references_random,
        "first_failure": found.first_failure or None,
        "answers_differ": found.answers_differ,
        "answers_reordered": found.answers_reordered,
        "cases_given": found.cases,
        "cases_outside_limits": found.cases_outside,
        "cases_added": found.cases_added,
        "cases_front": found.front,
        "cases_final": len(found.tests.cases) if found.tests else 0,
        "inputs_tried": found.inputs_tried,
        "inputs_refused": found.inputs_refused,
        "inputs_disagreed": found.inputs_disagreed,
        "inputs_not_made": found.not_made or None,
        "mutants": found.before.mutants - found.wrong_given,
        "mutants_equivalent": found.before.equivalent,
        "strength_before": found.before.share,
        "strength_after": found.after.share,
        "held_out": found.held_out[0],
        "held_out_before": found.held_out[1],
        "held_out_after": found.held_out[2],
        "wrong_given": found.wrong_given,
        "wrong_passing": found.wrong_passing,
        "constant_output": found.constant,
        "time_limit_s": found.tests.time_limit_s if found.tests else None,
        "survivors": found.survivors,
    }
