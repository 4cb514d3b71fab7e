"""Two results of one benchmark: figures worked by hand, and what makes them unlike is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from results_made import result, sample

from acereason import cli
from acereason.errors import InputError
from eval import compare_page
from eval.compare import Comparison, compare, compare_files, markdown
from eval.result_file import parse_result

SOLVED_A = {"p": 0, "q": 2, "r": 4, "s": 1, "gone": 4}
SOLVED_B = {"p": 2, "q": 4, "r": 4, "s": 0, "come": 4}
TOPICS = {"p": "graph", "q": ["graph", "string"], "r": "string", "s": None}


def compared(**changes: object) -> Comparison:
    a = parse_result(result(SOLVED_A, topics=TOPICS), "a")
    return compare(a, parse_result(result(SOLVED_B, topics=TOPICS, model="trained", **changes), "b"))


def test_figures_by_hand() -> None:
    made = compared()
    assert made.difference.problems == 4
    assert made.accuracy_a.mean == pytest.approx(7 / 16) and made.accuracy_b.mean == pytest.approx(10 / 16)
    assert made.difference.mean == pytest.approx(3 / 16)  # 1/2, 1/2, 0, -1/4
    # Signs of 1/2, 1/2, 1/4: |sum| of 8 choices is 5/4 twice, 3/4 twice, 1/4 four times; 3/4 is seen.
    assert made.difference.p_value == pytest.approx(4 / 8) and made.difference.exact
    assert made.difference.low <= 3 / 16 <= made.difference.high
    assert made.by_topic["graph"].mean == pytest.approx(1 / 2) and made.by_topic["graph"].problems == 2
    assert made.by_topic["string"].mean == pytest.approx(1 / 4)
    assert (made.only_a, made.only_b) == (("gone",), ("come",))
    assert made.transitions.newly_solved == ("p",) and made.transitions.lost == ("s",)
    # pass@2: of a 0, 5/6, 1, 1/2; of b 5/6, 1, 1, 0
    point = next(point for point in made.pass_at_k if point.k == 2)
    assert (point.a, point.b) == (pytest.approx(7 / 12), pytest.approx(17 / 24))
    assert made.conditions == ()


def test_what_else_differs_is_said() -> None:
    made = compared(answer_rule="last_box", settings={"temperature": 1.0, "top_p": 0.95, "seed": 3})
    assert made.conditions == (
        ("answer_rule", '"after_thinking"', '"last_box"'),
        ("settings.seed", "(absent)", "3"),
        ("settings.temperature", "0.6", "1.0"),
    )
    page = markdown(made)
    assert "The two were not evaluated alike" in page and "| settings.seed | (absent) | 3 |" in page


def test_what_the_model_is_made_of_is_no_condition() -> None:
    shape = {"num_layers": 2, "dtype": "float32"}
    one = {"weights": "w1", "model_path": "a/b", "hash": "h1", "model": shape, "temperature": 0.6, "source": ["x"]}
    one["source_sha256"] = ["1"]
    two = {
        **one,
        "weights": "w2",
        "model_path": None,
        "hash": "h2",
        "source_sha256": ["2"],
        "model": {**shape, "num_layers": 4},
    }
    a, b = (parse_result(result(SOLVED_A, settings=settings), "x") for settings in (one, two))
    assert compare(a, b).conditions == ()
    other = parse_result(result(SOLVED_A, settings={**two, "model": {**shape, "dtype": "bfloat16"}}), "x")
    assert compare(a, other).conditions == (("settings.model.dtype", '"float32"', '"bfloat16"'),)


def test_a_terminal_gets_plain_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topics = {"p": "a_b", "q": 'it\'s "x" & y'}
    for name, solved in (("a", SOLVED_A), ("b", SOLVED_B)):
        raw = result(solved, model=f"model_{name}\x1b[2J", topics=topics, benchmark="livecodebench_v5")
        (tmp_path / f"{name}.json").write_text(json.dumps(raw))
    words = [str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--markdown", str(tmp_path / "c.md")]
    assert cli.main(["eval", "compare", *words]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("livecodebench_v5: model_b␛[2J against model_a")
    assert "b - a over 4 problems: +18.75 points, 95% interval" in printed
    assert not set("\\|*\x1b") & set(printed.replace("a \\ b", "")) and "&quot;" not in printed
    lines = printed.splitlines()
    head = next(line for line in lines if line.startswith("topic"))
    row = next(line for line in lines if line.startswith('it\'s "x" & y'))
    assert len(head) == len(row) and head.split() == ["topic", "problems", "b", "-", "a", "interval", "p"]
    written = (tmp_path / "c.md").read_text(encoding="utf-8")
    assert written.startswith(r"# livecodebench\_v5: model\_b") and r"""| it's "x" & y | 1 |""" in written


def test_the_page_has_the_p_values_of_topics() -> None:
    text = compare_page.page(compared())
    assert "<th>p</th>" in text.replace(' class="text"', "") and "not corrected for the number of topics" in text


def test_markdown_names_the_figures() -> None:
    page = markdown(compared())
    assert "b - a over 4 problems: **+18.75** points, 95% interval" in page and "p = 0.5." in page
    assert "Newly solved: 1: p." in page and "Lost: 1: s." in page
    assert "Only a has judged samples of 1 problems, which are left out: gone." in page
    assert "| graph | 2 | +50.00 |" in page
    assert "The two were not evaluated alike" not in page


def test_names_from_a_file_stand_as_text() -> None:
    a = parse_result(result({"p|<img src=x>\n# head": 0}), "a")
    b = parse_result(result({"p|<img src=x>\n# head": 4}, model="[x](javascript:1)"), "b")
    page = markdown(compare(a, b))
    assert "<img" not in page and "\n# head" not in page and r"\[x\]" in page
    assert r"p\|&lt;img src=x&gt; \# head" in page


def test_json_is_strict_and_the_same_each_time(tmp_path: Path) -> None:
    raw_b = result(SOLVED_B, model="trained")
    raw_b["problems"][0]["samples"][3] = sample("infra_error")
    (tmp_path / "a.json").write_text(json.dumps(result(SOLVED_A)))
    (tmp_path / "b.json").write_text(json.dumps(raw_b))
    texts = [
        json.dumps(compare_files(tmp_path / "a.json", tmp_path / "b.json", seed=4).to_json(), allow_nan=False)
        for _ in range(2)
    ]
    assert texts[0] == texts[1]
    read = json.loads(texts[0])
    assert read["infra_errors"] == {"a": 0, "b": 1}
    assert read["b"]["avg_at_k"]["mean"] == pytest.approx((2 / 3 + 1 + 1 + 0) / 4)
    assert read["transitions"]["newly_solved"] == ["p"]


def test_one_problem_gives_no_interval_and_says_so() -> None:
    a, b = (parse_result(result({"p": right}), "x") for right in (0, 4))
    assert compare(a, b).to_json()["difference"]["low"] is None
    assert "interval unknown" in markdown(compare(a, b))


def test_different_benchmarks_are_refused() -> None:
    a, b = parse_result(result({"p": 1}), "a"), parse_result(result({"p": 1}, benchmark="aime25"), "b")
    with pytest.raises(InputError, match="different benchmarks, 'aime24'.*'aime25'"):
        compare(a, b)
    with pytest.raises(InputError, match="share no problem"):
        compare(a, parse_result(result({"q": 1}), "b"))
