"""Curation through the real sandbox, on problems whose faults are known because they were planted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acereason.config.schema import VerifierConfig
from acereason.problems import TestCase, Tests
from acereason.verifiers.code.examine import Finding
from data_pipeline.code.curation import Curated, as_row, curate
from data_pipeline.code.examiner import Ask, Examiner, FindingLog
from data_pipeline.code.settings import CurationConfig
from data_pipeline.code.stages import CURATION_COLUMNS

VERIFIER = VerifierConfig(2, 64, 5.0, 2.0, 20.0, 30.0, 120.0, 256, 256, 0.1, 0)
SETTINGS = CurationConfig(
    references=4, wrong_solutions=8, mutants=6, reference_cpu_s=2.0, mutant_cpu_s=0.5, made_inputs=16, added_cases=8,
    most_input_chars=400, most_disagreement=0.1, probe_inputs=8, time_factor=10.0, time_floor_s=1.0,
    time_ceiling_s=20.0,
)  # fmt: skip
STATEMENT = "How many elements are greater than k?\n\nConstraints:\n\n1 <= a.length <= 50\n-9 <= a[i], k <= 9"
HEADER = "def f(a: List[int], k: int) -> int:"
RIGHT = "def f(a, k):\n    count = 0\n    for x in a:\n        if x > k:\n            count += 1\n    return count\n"
ALSO_RIGHT = "def f(a, k):\n    return sum(x > k for x in a)\n"
WRONG = "def f(a, k):\n    return sum(x >= k for x in a)\n"
RANDOM = "import random\ndef f(a, k):\n    return sum(x > k for x in a) + (random.random() < 0.5)\n"
BURNS = (
    "import time\ndef f(a, k):\n    end = time.process_time() + 0.3\n    while time.process_time() < end:\n"
    "        pass\n    return sum(x > k for x in a)\n"
)
SET = "{'p', 'q', 'r', 's', 't', 'u', 'v', 'w'}"
HASHED = f"def h(k):\n    return [k, *{SET}]\n"  # as many orders as there are seeds of hashes
KEEPS = "n = 0\ndef f(a, k):\n    global n\n    n += 1\n    return sum(x > k for x in a) + (n > 3)\n"


def count(a: list[int], k: int) -> int:
    return sum(x > k for x in a)


def suite(*inputs: tuple[list[int], int]) -> Tests:
    return Tests("function", tuple(TestCase([a, k], count(a, k)) for a, k in inputs), "f")


STRONG = suite(([1, 2, 3], 2), ([5, 5, 1, -3], 0), ([0], 4), ([-1, 4, 4], 3))
WEAK = suite(([5, 1], 3), ([7, 8], 2))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Curated]:
    """All problems in one run: the examiner follows them together."""
    listed = "Return the two ends of a in any order.\n\nConstraints:\n\n2 <= a.length <= 20\n1 <= a[i] <= 9"
    ends = Tests("function", (TestCase([[1, 2]], [1, 2]), TestCase([[2, 9, 5, 7]], [2, 7])), "g")
    none = replace(SETTINGS, made_inputs=0)
    # Some set was made with the hashes that training has: all its cases pass.
    told = subprocess.check_output([sys.executable, "-c", f"print(*{SET})"], env={"PYTHONHASHSEED": "0"}, text=True)
    letters = Tests("function", tuple(TestCase([k], [k, *told.split()]) for k in (1, 2)), "h")
    problems: dict[str, tuple[Any, ...]] = {
        "sound": (STATEMENT, HEADER, STRONG, [RIGHT, ALSO_RIGHT], [WRONG], SETTINGS),
        "weak": (STATEMENT, HEADER, WEAK, [RIGHT], [WRONG], none),
        "mended": (STATEMENT, HEADER, WEAK, [RIGHT], [WRONG], SETTINGS),
        "planted": (STATEMENT, HEADER, STRONG, [WRONG], [], SETTINGS),
        "disagreeing": (STATEMENT, HEADER, WEAK, [RIGHT, WRONG], [], SETTINGS),
        "random": (STATEMENT, HEADER, suite(([5, 1], 9)), [RANDOM], [], none),
        "several": (listed, "def g(a: List[int]) -> List[int]:", ends,
                    ["def g(a):\n    return [a[0], a[-1]]\n", "def g(a):\n    return sorted([a[0], a[-1]])\n"],
                    [], SETTINGS),
        "none": (STATEMENT, HEADER, STRONG, [], [WRONG], SETTINGS),
        "silent": (STATEMENT, HEADER, Tests("function", (TestCase([[1], 1], None),), "f"), ["def f(a, k):\n    pass\n"],
                   [], SETTINGS),
        "outside": (STATEMENT, HEADER, suite(*(([n], 1) for n in range(-4, 9)), ([99], 1)), [RIGHT], [], none),
        "keeps": (STATEMENT, HEADER, WEAK, [KEEPS], [], SETTINGS),
        "burns": (STATEMENT, HEADER, STRONG, [BURNS], [WRONG], replace(SETTINGS, time_ceiling_s=2.0)),
        "hashed": ("The letters.", "def h(k: int) -> List[str]:", letters, [HASHED], [], none),
    }  # fmt: skip
    with Examiner(VERIFIER, tmp_path_factory.mktemp("code") / "findings.jsonl") as examiner:
        return dict(examiner.follow((name, curate(*given)) for name, given in problems.items()))


def test_a_sound_problem_keeps_its_cases_and_gets_more(found: dict[str, Curated]) -> None:
    sound = found["sound"]
    assert sound.why is None and sound.tests is not None and sound.references_passing == 2
    given = {json.dumps(case.input) for case in STRONG.cases}
    assert given <= {json.dumps(case.input) for case in sound.tests.cases} and sound.cases_added == 8
    for case in sound.tests.cases:
        a, k = case.input
        assert case.output == count(a, k) and 1 <= len(a) <= 50 and all(-9 <= x <= 9 for x in [*a, k])
    assert sound.wrong_given == 1 and sound.wrong_passing == 0 and sound.tests.time_limit_s == 1.0
    assert as_row(sound).keys() | {"tests"} == {name.removeprefix("curation_") for name in CURATION_COLUMNS}


def test_weak_tests_are_told_and_mended(found: dict[str, Curated]) -> None:
    weak, mended = found["weak"], found["mended"]
    assert weak.wrong_passing == 1 and (weak.after.share or 0) < 1.0
    assert mended.wrong_passing == 0 and (mended.before.share or 0) < (mended.after.share or 0)
    assert mended.front <= 3 and mended.tests is not None


def test_dropping_cases_lowers_the_strength(found: dict[str, Curated]) -> None:
    assert (found["weak"].before.share or 0) < (found["sound"].before.share or 0)


def test_a_wrong_reference_is_found_by_the_cases_or_by_the_other_one(found: dict[str, Curated]) -> None:
    planted = found["planted"]
    assert planted.why == "failing_reference" and planted.tests is None and "wrong" in planted.first_failure
    disagreeing = found["disagreeing"]
    assert disagreeing.inputs_disagreed > 0.1 * disagreeing.inputs_tried and disagreeing.cases_added == 0


def test_a_reference_that_draws_is_found_though_the_sandbox_repeats_its_draws(found: dict[str, Curated]) -> None:
    assert found["random"].why in ("random_reference", "failing_reference")


def test_an_answer_that_hangs_on_the_order_of_a_set_is_no_answer(found: dict[str, Curated]) -> None:
    hashed = found["hashed"]
    assert hashed.references_passing == 1 and hashed.references_random == 1 and hashed.why == "random_reference"


def test_a_reference_that_is_too_slow_stops_everything_at_once(found: dict[str, Curated]) -> None:
    burns = found["burns"]
    assert burns.why == "slow_reference" and burns.tests is None and burns.references_passing == 1
    assert burns.inputs_tried == 0 and burns.before.mutants == 0  # neither inputs nor wrong programs were run


def test_several_right_answers_show_as_the_same_items_in_another_order(found: dict[str, Curated]) -> None:
    assert found["several"].answers_reordered > 0


def test_what_lacks_a_reference_or_a_legal_case(found: dict[str, Curated]) -> None:
    assert found["none"].why == "no_reference" and found["silent"].why == "empty_outputs"
    outside = found["outside"]
    assert outside.cases_outside == 1 and outside.tests is not None
    assert [[99], 1] not in [case.input for case in outside.tests.cases]


def test_what_a_reference_keeps_between_calls_never_becomes_an_expected_output(found: dict[str, Curated]) -> None:
    keeps = found["keeps"]
    assert keeps.tests is None or all(case.output == count(*case.input) for case in keeps.tests.cases)


def test_the_log_forgets_only_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = FindingLog(path)
    findings = (Finding("answered", 0.25, "7", ""), Finding("timeout", 1.0, None, "over 1 s CPU time"))
    log.put("a" * 32, findings)
    log.put("b" * 32, (Finding("correct", 0.01),))
    log.close()
    whole = path.read_bytes()
    for cut in range(len(whole.splitlines(keepends=True)[0]), len(whole)):
        path.write_bytes(whole[:cut])
        log = FindingLog(path)
        assert log.get("a" * 32) == findings and log.get("b" * 32) is None and len(log) == 1
        log.put("b" * 32, (Finding("correct", 0.01),))
        log.close()
        assert path.read_bytes() == whole
    path.write_bytes(b'["' + b"c" * 32 + b'","?",[0],null,null]\n' + whole)
    log = FindingLog(path)
    assert log.damaged == 1 and log.get("c" * 32) is None and log.get("b" * 32) is not None
    log.close()


def test_a_second_run_asks_nothing_and_finds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows = []
    asked = []
    for _ in range(2):
        with Examiner(VERIFIER, path) as examiner:
            course = curate(STATEMENT, HEADER, WEAK, [RIGHT], [WRONG], replace(SETTINGS, mutants=2, made_inputs=4))
            ((_, curated),) = examiner.follow([("p", course)])
            rows.append(as_row(curated))
            asked.append(examiner.asked)
    assert rows[0] == rows[1] and asked[0] > 0 and asked[1] == 0
    assert Ask(RIGHT, WEAK) == Ask(RIGHT, WEAK)
