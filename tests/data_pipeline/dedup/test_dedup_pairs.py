"""Which pairs are duplicates, variants and conflicts, with answers judged by the real verifier pool; a labelled set."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from acereason.config.schema import VerifierConfig
from data_pipeline.dedup.answers import same_answers
from data_pipeline.dedup.pairs import PairPass, near_pairs
from data_pipeline.dedup.settings import DedupConfig
from data_pipeline.dedup.signals import clusters, decide, signals, signals_of
from tests.data_pipeline.decontamination.labelled import made, typeset
from tests.test_docs import ROOT


def settings(name: str = "math") -> DedupConfig:
    given = yaml.safe_load((ROOT / "conf" / "dedup" / f"{name}.yaml").read_text(encoding="utf-8"))
    return DedupConfig(**{**given, "prefer": tuple(given["prefer"])})


def verifier() -> VerifierConfig:
    given = yaml.safe_load((ROOT / "conf" / "verifier" / "default.yaml").read_text(encoding="utf-8"))
    given.pop("noise", None)
    return VerifierConfig(**{**given, "workers": 1})


def by_characters(pairs: list[tuple[str, str]]) -> list[bool | None]:
    return [one == other for one, other in pairs]


def rows_of(*given: tuple[str, str | None, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [f"p{number}" for number in range(len(given))],
            "prompt": [prompt for prompt, _, _ in given],
            "answer": [answer for _, answer, _ in given],
            "source": [source for _, _, source in given],
        },
        schema={name: pl.String for name in ("id", "prompt", "answer", "source")},
    )


LONG = "Ivo keeps 45 tiles in a bakery and sorts them into 6 equal rows, after which {} of them are left over. {} is x?"
ROWS = rows_of(
    (LONG.format(3, "What fraction"), "\\frac{1}{2}", "web"),
    (LONG.format(3, "What fraction").replace(" 45 ", " $45$  "), "0.5", "book"),  # other typing, equal answer
    (LONG.format(3, "What fraction"), "\\frac{2}{4}", "web"),
    (LONG.format(3, "What fraction"), "7", "web"),  # the same statement, another answer
    ("Problem 4.1: " + LONG.format(3, "What fraction"), "50\\%", "web"),  # numbered
    (LONG.format(4, "What fraction"), "0.5", "web"),  # another number, by chance the same answer
    (LONG.format(4, "What fraction"), "9", "web"),
    ("Something else altogether, with no word of the others", "0.5", "web"),
)


def test_pairs_are_what_statements_and_verified_answers_make_them() -> None:
    pairs = near_pairs(ROWS, settings(), lambda asked: same_answers(asked, verifier()))
    found = {(one, other): relation for one, other, relation in pairs.select("id", "other", "relation").rows()}
    assert found[("p0", "p1")] == found[("p0", "p2")] == found[("p1", "p2")] == "exact"
    assert found[("p0", "p3")] == found[("p1", "p3")] == found[("p2", "p3")] == "label_conflict"
    assert found[("p0", "p4")] == "near" and found[("p3", "p4")] == "variant"
    assert found[("p0", "p5")] == found[("p0", "p6")] == "variant"
    assert found[("p5", "p6")] == "label_conflict"
    assert not any("p7" in pair for pair in found)
    table = signals_of(ROWS, pairs, replace(settings(), prefer=("book",)))
    assert table["dedup_kept"].to_list() == ["p1", "p1", "p1", "p3", "p1", "p5", "p6", "p7"]
    assert table["dedup_cluster"].to_list() == [4, 4, 4, 1, 4, 1, 1, 1]
    assert table["dedup_conflicts"].to_list() == [1, 1, 1, 3, 0, 1, 1, 0]
    reasons = ["duplicate_exact", None, "duplicate_exact", None, "duplicate_near", None, None, None]
    assert decide(table, settings()).to_list() == reasons
    strict = decide(table, replace(settings(), label_conflicts="drop")).to_list()
    assert strict == ["duplicate_exact", "label_conflict", "duplicate_exact", "label_conflict", "duplicate_near",
                      "label_conflict", "label_conflict", None]  # fmt: skip


def test_a_drawing_or_a_bracket_makes_another_statement() -> None:
    drawn = "The graph of f is shown below. What is the value of f at 2, in lowest terms? [asy] draw({}); [/asy]"
    rows = rows_of(
        (drawn.format("(0,0)--(1,2)"), "3", "a"), (drawn.format("(0,0)--(7,7)"), "3", "a"),
        (drawn.format("(0,0)--(9,7)"), "5", "a"), (drawn.format("(0, 0) -- (1, 2)"), "4", "a"),
        ("Compute the value of $88 - (4 - 2) + 11$ and round it to two digits.", "97", "a"),
        ("Compute the value of $88 - 4 - 2 + 11$ and round it to two digits.", "93", "a"),
        ("Compute the value of $\\left(88 - 4 - 2\\right) + 11$ and round it to two digits.", "93", "a"),
    )  # fmt: skip
    pairs = near_pairs(rows, settings(), by_characters)
    found = {(one, other): relation for one, other, relation in pairs.select("id", "other", "relation").rows()}
    assert found[("p0", "p1")] == found[("p0", "p2")] == found[("p4", "p5")] == "variant"
    assert found[("p0", "p3")] == "label_conflict" and found[("p5", "p6")] == "near"


def test_answers_that_attack_are_judged_and_not_run() -> None:
    bombs = ["9**9**9**9", "__import__('os').system('touch /tmp/dedup_ran')", "\\frac{1}{0}", "(" * 5000, "\x00", ""]
    found = same_answers([(bomb, "1") for bomb in bombs] + [("x+1", "1+x"), ("2", "2 ")], verifier())
    assert True not in found[: len(bombs)]
    assert found[len(bombs) :] == [True, True]


def test_code_needs_nearer_statements_as_no_answer_confirms_them() -> None:
    task = "You are given an array nums of n integers. Return the length of the longest strictly increasing subsequence"
    rows = rows_of((task + ".", None, "a"), (task.replace("nums", "`nums`") + "!", None, "b"),
                   (task.replace("increasing", "decreasing"), None, "c"))  # fmt: skip
    pairs = near_pairs(rows, settings("code"), by_characters)
    assert pairs.select("id", "other", "relation").rows() == [("p0", "p1", "exact")]
    loose = near_pairs(rows, replace(settings("code"), without_answer=0.6), by_characters)
    assert ("p0", "p2", "near") in loose.select("id", "other", "relation").rows()


@pytest.mark.parametrize("seed", range(3))
def test_a_labelled_set_is_told_apart(seed: int) -> None:
    """Copies in other typing and numbered (duplicates), with other numbers (variants), and questions of one pattern.

    Measured over ten seeds: no duplicate missed but cropped ones, no pair of different questions joined.
    """
    rng = random.Random(seed)
    items, _ = made(seed, 150, 0)
    given: list[tuple[str, str | None, str]] = []
    truth: list[int] = []
    for number, item in enumerate(items):
        answer = str(rng.randint(1, 10**6))
        given.append((item.text, answer, "first"))
        truth.append(number)
        if number % 3 == 0:
            label = "" if number % 2 else f"Problem {number}. "
            given.append((label + typeset(item.text, rng), answer, "second"))
            truth.append(number)
    order = list(range(len(given)))
    rng.shuffle(order)
    rows = rows_of(*(given[place] for place in order))
    labels = [truth[place] for place in order]
    table = signals(rows, settings(), by_characters)
    kept = table["dedup_kept"].to_list()
    number_of = dict(zip(rows["id"], labels, strict=True))
    joined = [name for name, keeper in zip(rows["id"], kept, strict=True) if name != keeper]
    assert all(number_of[name] == number_of[keeper] for name, keeper in zip(rows["id"], kept, strict=True))
    assert len(joined) >= 0.98 * (len(given) - len(items))
    again = signals(rows, settings(), by_characters)
    assert again.equals(table)


def test_clusters_are_the_connected_parts_whatever_the_order() -> None:
    edges = [(5, 6), (0, 3), (6, 2), (3, 4)]
    for order in (edges, edges[::-1], [(b, a) for a, b in edges]):
        assert clusters(8, order) == [0, 1, 2, 0, 0, 2, 2, 7]


def test_pairs_do_not_depend_on_how_the_rows_came(tmp_path: Path) -> None:
    rng = random.Random(4)
    items, _ = made(4, 60, 0)
    given = [(item.text, str(rng.randint(1, 3)), "first") for item in items]
    given += [(f"Problem {place}.2: {text}", answer, "third") for place, (text, answer, _) in enumerate(given[::5])]
    given += [(typeset(text, rng), answer, "second") for text, answer, _ in given[::2]] + [given[0], ("", "0", "empty")]
    rows = rows_of(*given)
    whole = near_pairs(rows, settings(), by_characters)
    assert {"exact", "near"} <= set(whole["relation"])
    for size in (1, 7):
        reading = PairPass(settings(), tmp_path)
        for part in rows.iter_slices(size):
            reading.add(part)
        assert reading.finish(by_characters).equals(whole)
    assert list(tmp_path.iterdir()) == []  # what waits has no name
    assert PairPass(settings(), tmp_path).finish(by_characters).is_empty()
