"""The published row formats of benchmarks, each turned into problem rows. A row that does not fit is an error.

A reader takes the file, the row's number and the row, and returns the problem; its id is empty where the publisher
gave none, and it is None for a row that is not part of the benchmark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from acereason.errors import RowError
from acereason.problems import Problem, Tests, parse_problem
from eval.formats_code import livecodebench, mbpp_plus
from eval.formats_reasoning import gpqa, knights_and_knaves, zebra_logic
from eval.rows import number_of, text_of, texts_of

Reader = Callable[[Path, int, dict[str, Any]], Problem | None]

TOPIC = "topic"  # in a problem's metadata, a name or several, where the publisher sorts by topic

_MBPP_TEST = range(11, 511)  # task ids of the split on which results are reported (Austin et al. 2021, section 3.1)
_HUMANEVAL = "Complete the function below, so that it does what its description says."
_AMC_URL = re.compile(r"/(\d{4}_AMC_\d+[AB]?)_Problems/Problem_(\d+)/*$")


def _math(name: str, problem_id: str, prompt: str, answer: str, **metadata: Any) -> Problem:
    kept = {key: value for key, value in metadata.items() if value}
    return Problem(problem_id, "math", prompt.strip(), name, answer=answer.strip(), metadata=kept)


def _nemo_skills(path: Path, line: int, row: dict[str, Any]) -> Problem:
    """A row of NeMo-Skills (id, expected_answer), or one with `answer` as the Hub and the released toolkit have it.

    Such rows have ids of other kinds, or none, and write whole numbers with three digits at times (073).
    """
    if "expected_answer" in row:
        name, answer = text_of(path, line, row, "id"), text_of(path, line, row, "expected_answer")
    else:
        row = {key.lower(): value for key, value in row.items()}  # Maxwell-Jia/AIME_2024: ID, Problem, Answer
        name = str(row.get("id") or "")
        answer = _answer(path, line, row)
        answer = str(int(answer)) if answer.isascii() and answer.isdecimal() and len(answer) <= 3 else answer
    return _math("nemo_skills", name, text_of(path, line, row, "problem"), answer)


def _answer(path: Path, line: int, row: dict[str, Any]) -> str:
    """`answer`, which may be a whole number."""
    answer = row.get("answer")
    given = row | {"answer": str(answer)} if isinstance(answer, int) and not isinstance(answer, bool) else row
    return text_of(path, line, given, "answer")


def _matharena(path: Path, line: int, row: dict[str, Any]) -> Problem:
    """A row of the repository (competition, id), or of the Hub's data sets (problem_idx)."""
    if "problem_idx" in row:
        name = f"problem-{number_of(path, line, row, 'problem_idx')}"
    else:
        competition = text_of(path, line, row, "competition")
        name = f"{competition}-{text_of(path, line, row, 'id')}"
    return _math("matharena", name, text_of(path, line, row, "problem"), _answer(path, line, row))


def _math500(path: Path, line: int, row: dict[str, Any]) -> Problem:
    name, subject = text_of(path, line, row, "unique_id"), text_of(path, line, row, "subject")
    prompt, answer = text_of(path, line, row, "problem"), text_of(path, line, row, "answer")
    return _math("math500", name, prompt, answer, topic=subject)


def _rllm_amc(path: Path, line: int, row: dict[str, Any]) -> Problem:
    url = text_of(path, line, row, "url")
    place = _AMC_URL.search(url)
    if place is None:
        raise RowError(path, line, "url", f"expected the place of a problem of an AMC, got {url[:80]}")
    name, number = place.groups()
    prompt = text_of(path, line, row, "problem")
    return _math("rllm_amc", f"{name}-{number}", prompt, number_of(path, line, row, "answer"), topic=name)


def _minerva(path: Path, line: int, row: dict[str, Any]) -> Problem:
    answer, *others = texts_of(path, line, row, "answer")
    name, topic = f"minerva-{number_of(path, line, row, 'idx')}", text_of(path, line, row, "type")
    return _math("minerva", name, text_of(path, line, row, "problem"), answer, topic=topic, alternatives=others)


def _olympiad_bench(path: Path, line: int, row: dict[str, Any]) -> Problem:
    answers = texts_of(path, line, row, "answer")
    if len(answers) != 1:
        raise RowError(path, line, "answer", f"expected one text, got {len(answers)}")
    answer = answers[0].replace("$", "").rstrip(".")
    name, topic = number_of(path, line, row, "id"), text_of(path, line, row, "subfield")
    return _math("olympiad_bench", name, text_of(path, line, row, "problem"), answer, topic=topic)


def _gsm8k(path: Path, line: int, row: dict[str, Any]) -> Problem:
    _, mark, answer = text_of(path, line, row, "answer").rpartition("####")
    if not mark or not answer.strip():
        raise RowError(path, line, "answer", "does not end in '#### ANSWER'")
    return _math("gsm8k", "", text_of(path, line, row, "question"), answer.replace(",", ""))


def _humaneval(path: Path, line: int, row: dict[str, Any]) -> Problem:
    test, function = text_of(path, line, row, "test"), text_of(path, line, row, "entry_point")
    tests = Tests("assert", entry_point=function, script=f"{test}\n\ncheck({function})\n")
    header = text_of(path, line, row, "prompt").strip("\n")
    name = text_of(path, line, row, "task_id")
    return Problem(name, "code", _HUMANEVAL, "humaneval", tests=tests, starter_code=header)


def _mbpp(path: Path, line: int, row: dict[str, Any]) -> Problem | None:
    number = number_of(path, line, row, "task_id")
    if int(number) not in _MBPP_TEST:
        return None
    asserts = texts_of(path, line, row, "test_list")
    setup = row.get("test_setup_code") or ""
    if not isinstance(setup, str):
        raise RowError(path, line, "test_setup_code", f"expected text, got {str(setup)[:60]}")
    tests = Tests("assert", script="\n".join([setup.replace("\r\n", "\n"), *asserts]).strip() + "\n")
    listed = "\n".join(asserts)
    statement = f"{text_of(path, line, row, 'text').strip()}\nYour code should pass these tests:\n\n{listed}"
    return Problem(f"mbpp-{number}", "code", statement, "mbpp", tests=tests)


def _problem_rows(path: Path, line: int, row: dict[str, Any]) -> Problem:
    """Our own format; its topics are the domain and, of generated problems, the family."""
    problem = parse_problem(path, line, row)
    topics = [problem.domain, problem.metadata.get(TOPIC), problem.metadata.get("family")]
    return replace(problem, metadata={**problem.metadata, TOPIC: [str(topic) for topic in topics if topic]})


READERS: dict[str, Reader] = {
    "nemo_skills": _nemo_skills,
    "matharena": _matharena,
    "math500": _math500,
    "rllm_amc": _rllm_amc,
    "minerva": _minerva,
    "olympiad_bench": _olympiad_bench,
    "gsm8k": _gsm8k,
    "humaneval": _humaneval,
    "mbpp": _mbpp,
    "problem_rows": _problem_rows,
    "livecodebench": livecodebench,
    "mbpp_plus": mbpp_plus,
    "gpqa": gpqa,
    "knights_and_knaves": knights_and_knaves,
    "zebra_logic": zebra_logic,
}
