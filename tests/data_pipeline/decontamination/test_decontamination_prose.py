"""The words of a programming task alone, and that a task without its header and examples is known again by them."""

from __future__ import annotations

import gzip
import json
import re

import polars as pl
import pytest
import yaml

from data_pipeline.decontamination.items import Item, with_prose
from data_pipeline.decontamination.policies import decide, summarised
from data_pipeline.decontamination.prose import prose_of
from data_pipeline.decontamination.settings import DecontaminationConfig
from data_pipeline.decontamination.signals import evidence, reference_of
from tests.data_pipeline.decontamination.test_decontamination_real import benchmarks
from tests.shared_data import SHARED, needs_shared
from tests.test_docs import ROOT

CLOSE = '''from typing import List


def close(numbers: List[float], threshold: float) -> bool:
    """ Check if in given list of numbers, are any two numbers closer to each other than
    given threshold. For example, 1 is close to 1.
    >>> close([1.0, 2.0, 3.0], 0.5)
    False

    Return a truth value.
    """
'''


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CLOSE, "Check if in given list of numbers, are any two numbers closer to each other than given threshold. "
                "For example, 1 is close to 1. Return a truth value."),
        ('def f(a, b):\n    """\n    Add them.\n\n    For example:\n    f(2, 8) => 10\n    """', "Add them."),
        ("def f(a):\n    '''Say so.\n    f(2) == 3\n    [input/output] samples:\n    f(1) == 2\n    '''", "Say so."),
        ("Write it.\nYour code should pass these tests:\n\nassert f(1) == 2", "Write it."),
        ("Count the ways.\n\nExample 1:\n\nInput: 3\n", "Count the ways."),
        ("```python\ndef f(a):\n    pass\n```\nFinish it.", "Finish it."),
        ("def f(a):\n    return a", "return a"),
    ],
)  # fmt: skip
def test_words(text: str, words: str) -> None:
    assert " ".join(prose_of(text).split()) == words


def test_only_tasks_of_programming_have_words_of_their_own() -> None:
    items = [Item("b", "1", CLOSE), Item("b", "2", "Add two numbers and give the result of that as a number.")]
    assert with_prose(items, "latex") == items
    found = with_prose(items, "code")
    assert [one.item for one in found] == ["1", "1 (prose)", "2"] and found[1].prose  # the second is words already
    assert "def" not in found[1].text and ">>>" not in found[1].text


@needs_shared
def test_tasks_without_header_and_examples_are_known_again() -> None:
    given = yaml.safe_load((ROOT / "conf" / "decontamination" / "code.yaml").read_text(encoding="utf-8"))
    settings = DecontaminationConfig(**{**given, "benchmarks": benchmarks(("humaneval", "mbpp")), "problems": ()})
    with gzip.open(SHARED / "code" / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as stream:
        tasks = [json.loads(line) for line in stream]
    rows = []
    for task in tasks:
        docstring = re.findall(r'("""|\'\'\')(.*?)\1', task["prompt"], re.S)[-1][1]
        told = re.split(r">>>|\bExamples?\b|\bFor example\b|for example|\be\.g", docstring)[0]
        lines = [line.strip() for line in told.splitlines() if f"{task['entry_point']}(" not in line]
        words = f"Solve the following task in Python.\n{' '.join(lines)}\nReturn the result."
        rows.append((task["task_id"], words))
    table = pl.DataFrame(rows, schema=["id", "prompt"], orient="row")
    reference = reference_of(settings)
    assert [one.items for one in reference.compared] == [164, 500] and not any(one.short for one in reference.compared)
    found = summarised(table["id"], evidence(table, settings, reference), settings)
    dropped = decide(found, settings).is_not_null()
    listed = found["decontamination_short"].is_not_null()
    assert dropped.sum() >= 130 and (dropped | listed).sum() >= 150
    assert max(found.filter(dropped)["decontamination_items"].to_list()) <= 3  # an item and its words count once
