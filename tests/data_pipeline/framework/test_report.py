"""The report of a set of math problems, as somebody reads it who has not made it."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from acereason.problems import write_jsonl
from data_pipeline.code import curation, policies, repeats
from data_pipeline.code import statement as code_statement
from data_pipeline.command import run_command
from data_pipeline.decontamination import policies as leaks
from data_pipeline.dedup import signals as dedup
from data_pipeline.math import statement as math_statement
from data_pipeline.report import words
from data_pipeline.report.figures import share
from data_pipeline.report.style import STYLE
from data_pipeline.report.texts import folded, line, tidy
from data_pipeline.sources import reading
from data_pipeline.teacher import vote
from data_pipeline.teacher.standin import StandInConfig, make
from tests.data_pipeline.framework import made

LEAK = "Let\n$r_1$ and $r_2$ be the roots of the polynomial that nine red balls in three green boxes have. Find $r_1$."
START = "Seven blue birds sit on eleven wires of a long fence beside the road."
NEAR_ONE = (
    START + " Four of them sleep while two others sing an old song about rain. How many birds may sit on one wire?"
)
BAND = START + " " + " ".join(f"Bird {n} has {n * n} feathers." for n in range(9))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    row = made.rows(1)[0]
    more = [{**row, "id": "leak", "prompt": LEAK}, {**row, "id": "band", "prompt": BAND}]
    again = {**made.rows(4)[3], "id": "again"}
    write_jsonl(folder / "in.jsonl", [*made.rows(60), *more, again])
    write_jsonl(folder / "bench.jsonl", [{**row, "id": "b1", "prompt": LEAK}, {**row, "id": "b2", "prompt": NEAR_ONE}])
    given = [word for word in made.words() if "decontamination" not in word]
    given += ["decontamination.problems=[bench.jsonl]", "decontamination.review=0.05", "policy.vote.thin_below=0"]
    assert run_command("math", [*given, "until=source"], folder) == 0
    (table,) = folder.glob("out/*_source/table.parquet")
    make(pl.read_parquet(table), folder / "ledger", StandInConfig(wrong_label=0.3, shards=2))
    assert run_command("math", [*given, "teacher=replay", "teacher.ledger=ledger"], folder) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return (out / "report.html").read_text()


def section(page: str, title: str) -> str:
    found = re.search(rf"<section><h2>{title}</h2>.*?</section>", page, re.S)
    assert found is not None, title
    return found.group()


def test_a_line_is_the_beginning_of_the_text_whatever_its_line_breaks(page: str) -> None:
    assert line("Let\n$a$  be\n\nprime.") == "Let $a$ be prime."
    assert len(line("word " * 99)) <= 140
    assert "Let $r_1$ and $r_2$ be the roots" in section(page, "Decontamination")


def test_marks_leave_underscores_readable() -> None:
    assert re.search(r"mark\{background:#", STYLE) and "underline" not in STYLE


def test_figures_and_what_is_said_beside_them_are_apart(page: str) -> None:
    funnel = section(page, "From records to problems")
    assert re.search(r'<span class="figure">63</span><span class="beside">none dropped</span>', funnel)
    assert share(4, 15922) == "< 0.1 %" and share(0, 5) == "0 %" and share(1, 0) == "–" and share(5, 5) == "100 %"


def test_long_lists_are_folded() -> None:
    assert folded(["<i>x</i>"] * 12) == "<i>x</i>" * 12
    drawn = folded(["<i>x</i>"] * 40)
    assert drawn.startswith("<i>x</i>" * 10 + '<details class="fold"><summary>30 more</summary>')


def test_counts_of_disagreement_are_explained(page: str, out: Path) -> None:
    """`vote:majority_disagrees` is a part of the disagreements, and those of a clear majority are another."""
    found = section(page, "Answers that disagree")
    said = re.search(r"On (\d+) problems another answer.*give it, on (\d+), .*the other (\d+) the attempts", found)
    assert said is not None
    every, clear, weak = map(int, said.groups())
    assert every == clear + weak and clear > 0
    rows = re.findall(r">(vote:\w+|kept)</td><td[^>]*>[^<]*</td><td>(\d+)</td><td>(\d+)</td>", found)
    assert sum(int(a) for _, a, _ in rows) == clear and sum(int(b) for _, _, b in rows) == weak
    (drops,) = out.glob("*_select/drops.jsonl")
    on_record = drops.read_text().count('"vote:majority_disagrees"')
    assert on_record == sum(int(a) + int(b) for name, a, b in rows if name == "vote:majority_disagrees") > 0


def test_answers_are_shown_without_what_is_none_of_them() -> None:
    assert [tidy(text) for text in ("-1.", " $12$ ", "0.5", "1,2,...", None)] == ["-1", "12", "0.5", "1,2,...", None]


def test_policies_stand_beside_the_chosen_one(page: str) -> None:
    found = section(page, "Decontamination")
    assert "no other would" not in found
    for said in ("coverage drops too", "coverage keeps", "not dropped, coverage drops", "style=latex", "letters_blind"):
        assert said in found
    assert ">review</td>" in found
    assert "counts as evidence" in found and "is any single letter" in found


def test_what_is_to_be_read_is_shown(page: str, out: Path) -> None:
    (file,) = out.glob("*_screen/review.parquet")
    review = pl.read_parquet(file)
    assert review.height > 0
    found = section(page, "Decontamination").partition("Kept, to be read")[2].partition("<h3>")[0]
    assert all(name in found for name in review["id"]) and "bench · b2" in found
    assert re.search(r"<mark>[^<]*blue birds[^<]*</mark>", found)


def test_a_duplicate_pair_says_which_was_dropped(page: str, out: Path) -> None:
    (drops,) = out.glob("*_unique/drops.jsonl")
    gone = [json.loads(text) for text in drops.read_text().splitlines()]
    assert gone
    found = section(page, "Duplicates")
    assert f"dropped: {gone[0]['id']}" in found
    assert re.search(rf"{gone[0]['id']}[^<]* · dropped, {gone[0]['reason']}, math-\w+ is kept", found)


def test_a_dropped_leak_names_its_item(page: str) -> None:
    (row,) = re.findall(r'<details data-reason="decontamination:leak_exact".*?</details>', page, re.S)
    assert "bench · b1" in row and words.reason("decontamination:leak_exact", code=False) in row


def test_the_head_says_what_the_set_is_and_who_answered(page: str, out: Path) -> None:
    (manifest,) = out.glob("*_teacher/manifest.json")
    name = json.loads(manifest.read_text())["about"]["teacher"]
    assert f"<dt>teacher</dt><dd>{name}</dd>" in page and f"<p>{name}: " in section(page, "Pass rates")
    assert "Problem set “math”" in page and "<title>Problem set math</title>" in page
    assert "policy.vote" not in page and "vote.thin_below=0" in page and "verifier=" in page
    assert f"attempts of {name}" in (out / "dataset" / "README.md").read_text()


_RULE = r"column|pl\.col|tokens <|_above\(|_when\("


def reasons_of(module: ModuleType, policy: str) -> set[str]:
    """The literals that a module gives as reasons: of `lit`, `stop`, `Lost`, and in front of rules."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and re.search(r"\b(lit|stop|Lost)$", ast.unparse(node.func)):
            found += node.args[:1]
        elif isinstance(node, ast.Tuple) and len(node.elts) > 1 and re.search(_RULE, ast.unparse(node)):
            found += node.elts[:1]
    names = {one.value for one in found if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {policy + name for name in names if re.fullmatch("[a-z]+(_[a-z]+)*", name) and name not in words.REVIEW}


def test_every_reason_has_words() -> None:
    math = reasons_of(math_statement, "statements:") | reasons_of(reading, "")
    both = reasons_of(leaks, "decontamination:") | reasons_of(dedup, "duplicates:") | reasons_of(vote, "vote:")
    code = reasons_of(code_statement, "statements:") | reasons_of(curation, "tests:") | reasons_of(repeats, "repeats:")
    assert (len(math), len(both), len(code)) >= (20, 14, 15), (math, both, code)
    assert math | both <= set(words.reasons(code=False))
    assert code | both <= set(words.reasons(code=True))
    of_policies = reasons_of(policies, "")  # by date, by reference, by tests
    assert len(of_policies) > 8
    assert of_policies <= {name.partition(":")[2] for name in words.reasons(code=True)}
