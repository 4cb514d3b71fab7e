"""The result file: read strictly, written as it is read, and the one that the evaluation itself writes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from results_made import result, sample

from acereason.errors import InputError
from acereason.evaluation.statistics import Sample
from eval.result_file import parse_result, plain, read_result, write_result
from eval.summary import summarise


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    raw = result({"p": 2, "q": 0}, topics={"p": "graph", "q": ["graph", "string"]})
    raw["problems"][0]["samples"][0] = sample("infra_error", None, None)
    first = parse_result(raw, "made")
    write_result(first, tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == first
    assert first.topics == {"p": ("graph",), "q": ("graph", "string")}
    assert first.samples["p"][0] == Sample(None, None, False, None)
    assert first.verdicts["p"] == ("infra_error", "correct", "wrong", "wrong")


def test_a_summary_is_not_believed_and_k_may_vary() -> None:
    raw = result({"p": 4}, summary={"avg_at_k": 0.1})
    raw["problems"].append({"id": "q", "topic": None, "samples": [sample("wrong")]})
    with pytest.raises(InputError, match="problem 'q' has 1 samples; k is 4"):
        parse_result(raw, "made")
    assert parse_result({**raw, "k": None}, "made").k is None


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["k"], "4", "k: expected int, got str"),
        (["k"], True, "k: expected int, got bool"),
        (["settings"], [], "settings: expected dict"),
        (["problems"], [], "at least one problem"),
        (["problems", 0, "id"], 3, r"problems\[0\].id: expected str"),
        (["problems", 1, "id"], "p", "'p' stands in the file twice"),
        (["problems", 0, "topic"], 3, "topic: expected list"),
        (["problems", 0, "samples", 1, "verdict"], "right", "'right' is not one of correct"),
        (["problems", 0, "samples", 1, "reward"], 1.0, r"samples\[1\].reward: 'wrong' stands for 0.0, got 1.0"),
        (["problems", 0, "samples", 1, "reward"], False, "got False"),
        (["problems", 0, "samples", 1, "tokens"], -1, "expected 0 or more"),
        (
            ["problems", 0, "samples", 1, "tokens"],
            10**30,
            r"samples\[1\].tokens: expected at most 1,000,000,000, got 10+;",
        ),
        (["problems", 0, "samples", 1, "truncated"], 0, "truncated: expected bool"),
        (["problems", 0, "samples", 1, "answer"], 7, "answer: expected str"),
        (["problems", 0, "samples", 1, "text"], "x", "not known: text"),
        (["notes"], "x", "not known: notes"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(path: list[Any], value: Any, said: str) -> None:
    raw = copy.deepcopy(result({"p": 1, "q": 2}))
    target = raw
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(InputError, match=said):
        parse_result(raw, "made")


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    for text in ("{", "[" * 100_000, "3"):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InputError, match=r"result\.json.*expected"):
            read_result(tmp_path / "result.json")
    with pytest.raises(InputError, match="absent.json"):
        read_result(tmp_path / "absent.json")
    raw = result({"p": 1})
    del raw["model"]
    with pytest.raises(InputError, match="absent: model"):
        parse_result(raw, "made")


def test_unknown_figures_are_null() -> None:
    assert json.dumps(plain({"a": (float("nan"), 1.5), "b": {1: float("inf")}}), allow_nan=False) == (
        '{"a": [null, 1.5], "b": {"1": null}}'
    )


def test_a_greedy_response_is_kept_beside_the_samples(tmp_path: Path) -> None:
    raw = result({"p": 1, "q": 0}, k=2)
    raw["problems"][0]["greedy"] = sample("correct", 5)
    first = parse_result(raw, "made")
    assert first.greedy["p"].tokens == 5 and "q" not in first.greedy
    write_result(first, tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == first
    made = summarise(first)
    assert made.greedy is not None and (made.greedy.mean, made.greedy.problems) == (1.0, 1)
    assert made.accuracy.mean == 0.25  # the samples alone
    raw["problems"][0]["greedy"] = {"verdict": "correct"}
    with pytest.raises(InputError, match="problem 'p': greedy: expected the fields"):
        parse_result(raw, "made")
