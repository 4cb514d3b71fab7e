"""The report of a made result: rows beside the paper's, the same figures in every format, a page that obeys nobody."""

from __future__ import annotations

import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from results_made import result, sample

from acereason import cli
from acereason.errors import InputError
from eval.charts_models import pass_accuracies
from eval.markdown import cell
from eval.report import NAMES, write_report
from eval.result_file import ResultFile, parse_result

HOSTILE = '</td></script><script>alert(1)</script><img src=x onerror="x">\u202e|`'


def aime(benchmark: str = "aime24", **changes: object) -> ResultFile:
    """30 problems of 16 samples: 10 never, 10 half, 10 always solved."""
    solved = {f"2024-{n:02d}": (0, 8, 16)[n % 3] for n in range(30)}
    topics = {key: ("algebra", "geometry")[n % 2] for n, key in enumerate(solved)}
    return parse_result(result(solved, k=16, topics=topics, benchmark=benchmark, **changes), "made")


class Page(HTMLParser):
    """Tags and attributes, and whether tags close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values += [value or "" for _, value in attrs]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_rows_stand_beside_the_papers(tmp_path: Path) -> None:
    paths = write_report([aime()], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    page = paths["report.md"].read_text(encoding="utf-8")
    # 50.0 here against 78.6 and 69.0. Sampling error: 10 problems with unbiased variance 16/15/4 of 16 samples.
    margin = 196 * math.sqrt(10 * (16 / 15 / 4) / 16) / 30
    matrix = page.partition("### aime24")[2].partition("\n#")[0]
    assert f"avg@k ± our sampling error |  |  | 50.00 ± {margin / 1.96:.2f} (a) |" in matrix
    for name, figure in (("AceReason-Nemotron-14B", 78.6), ("AceReason-Nemotron-7B", 69.0)):
        expected = f"{50 - figure:+.1f} ({50 - figure - margin:+.1f} to {50 - figure + margin:+.1f}) |"
        assert re.search(rf"\| {name} \| 2 \| {figure} \| {re.escape(expected)}", matrix)
    assert "| DeepCoder-14B: 32K inference | 2 | 71.0† |" in matrix
    assert "(a) k 16, not 64." in matrix and "Tables 2, 9: NeurIPS version; 1, 3, 4: paper; 1.1: model card" in matrix
    assert "1.8 / 1.2 / 0.7" in page and "1.27 and 0.90" in page
    assert "| algebra | 15 | 50.00 |" in page


def test_every_format_has_the_same_figures(tmp_path: Path) -> None:
    paths = write_report([aime(), aime("aime25", model="other")], tmp_path)
    read = json.loads(paths["report.json"].read_text())
    with paths["report.csv"].open(newline="") as stream:
        rows = {(row["model"], row["metric"]): row for row in csv.DictReader(stream)}
    assert [entry["benchmark"] for entry in read] == ["aime24", "aime25"]
    for entry in read:
        row = rows[entry["model"], "avg@16"]
        assert float(row["value"]) == entry["avg_at_k"]["mean"] == 0.5
        assert float(row["standard_error"]) == pytest.approx(entry["avg_at_k"]["standard_error"])
        # means 0, 1/2, 1 ten times each: variance 20/4/29 of 30 problems
        assert float(row["standard_error"]) == pytest.approx(math.sqrt(5 / 29 / 30))
        assert [point["k"] for point in entry["pass_at_k"]] == [1, 2, 4, 8, 16]
        assert entry["pass_at_k"][-1]["mean"] == pytest.approx(2 / 3)
        assert entry["solve_rates"] == {
            "0": 10, "(0, 1/4]": 0, "(1/4, 1/2]": 10, "(1/2, 3/4]": 0, "(3/4, 1)": 0, "1": 10,
        }  # fmt: skip
        # Eight of sixteen agree and the others differ: they win every vote of all; two right beat single wrong ones.
        assert entry["majority_at_k"][-1]["mean"] == pytest.approx(2 / 3)
    assert "paper: AceReason-Nemotron-7B" in paths["report.md"].read_text(), "AIME25 stands beside table 8's pass@k"


def test_the_page_is_closed_and_draws_the_papers_points(tmp_path: Path) -> None:
    text = write_report([aime("aime25")], tmp_path)["report.html"].read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags and not {"src", "href", "style"} & page.attributes
    assert text.count('<svg viewBox="0 0 460') == 5  # pass@k, two of lengths, solve rates, passes
    assert "paper, AceReason-Nemotron-7B: pass@1024 96.1 %" in text
    assert "pass@16 66.7 %" in text and "solve rate 1: 10 problems" in text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S).lower().replace("nano", "")
    assert text.count("<details>") == 30 + 1  # problems, and the differences from the papers' figures


def test_nothing_that_a_file_says_is_obeyed(tmp_path: Path) -> None:
    raw = result({HOSTILE: 2}, topics={HOSTILE: "=HYPERLINK(1)"}, model=HOSTILE, protocol=HOSTILE, answer_rule=HOSTILE)
    raw["settings"] = {HOSTILE: HOSTILE}
    raw["problems"][0]["samples"][0] = sample("correct", 5, HOSTILE + "\ud800")
    paths = write_report([parse_result(raw, "made")], tmp_path)
    page = Page(paths["report.html"].read_text(encoding="utf-8"))
    assert page.open == [] and not {"script", "img"} & page.tags and "onerror" not in page.attributes
    markdown = paths["report.md"].read_text(encoding="utf-8")
    assert "<script" not in markdown and "\u202e" not in markdown
    assert "\n# " not in markdown[2:]
    with paths["report.csv"].open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert {len(row) for row in rows} == {12} and rows[1][0] == HOSTILE
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_a_result_without_answers_lengths_or_paper(tmp_path: Path) -> None:
    raw = result({"p": 1}, k=2, benchmark="own")
    for row in raw["problems"][0]["samples"]:
        row.update(answer=None, tokens=None)
    lost = {"id": "q", "topic": None, "samples": [sample("infra_error", None, None)] * 2}
    raw["problems"].append(lost)
    paths = write_report([parse_result(raw, "made")], tmp_path)
    entry = json.loads(paths["report.json"].read_text())[0]
    assert entry["infra_errors"] == 2 and entry["paper"] == [] and entry["majority_at_k"] == []
    assert entry["avg_at_k"]["standard_error"] is None and entry["lengths"]["all"]["mean"] is None
    page = Page(paths["report.html"].read_text())
    assert page.open == []
    assert "have no figure for own" in paths["report.html"].read_text()


def test_only_verifier_failures_still_make_a_report(tmp_path: Path) -> None:
    raw = result({"p": 0}, k=1)
    raw["problems"][0]["samples"] = [sample("infra_error")]
    paths = write_report([parse_result(raw, "made")], tmp_path)
    assert json.loads(paths["report.json"].read_text())[0]["avg_at_k"]["mean"] is None
    assert Page(paths["report.html"].read_text()).open == []
    assert "nan" not in paths["report.md"].read_text().lower().replace("nano", "")


def test_no_result_or_the_same_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        write_report([], tmp_path)
    with pytest.raises(InputError, match="same evaluation, base / aime24 / acereason_1_0 / after_thinking"):
        write_report([aime(), aime()], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_lines_of_the_documentation_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 1
    for name in ("before", "after"):
        (tmp_path / f"{name}.json").write_text(json.dumps(result({"p": 1, "q": 3}, model=name)))
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks[0], "evaluation.md", "exec"), {})
    assert (tmp_path / "report" / "report.html").is_file()
    assert capsys.readouterr().out.startswith("# aime24: after against before")


def test_our_rows_stand_in_the_papers_tables(tmp_path: Path) -> None:
    paths = write_report([aime(), aime("aime25"), aime("livecodebench_v5")], tmp_path)
    page = paths["report.md"].read_text(encoding="utf-8")
    for number in ("1", "2", "3", "4", "8", "9", "1.1"):
        assert f"## Table {number}: " in page, number
    assert "## Table 7" not in page  # none of its benchmarks is among the results
    table = page.partition("## Table 2: Main results")[2].partition("\n## ")[0]
    ours = next(line for line in table.splitlines() if line.startswith("| base (acereason"))
    margin = 100 * math.sqrt(10 * (16 / 15 / 4) / 16) / 30
    assert ours.count(f"50.00 ± {margin:.2f}") == 3  # AIME24, AIME25 and LCB v5, whose samples are the same here
    assert "| AceReason-Nemotron-14B | 78.6 | 67.4 | 95.0 |" in table
    eight = page.partition("## Table 8")[2].partition("\n## ")[0]
    half = 1 - 1 / math.comb(16, 8)  # pass@8 of a problem solved eight times in sixteen; of the others 0 and 1
    assert f"| {100 * (half + 1) / 3:.2f} | 66.67 |" in eight  # k may be any there, so there is no sign
    assert 'class="ours"' in paths["report.html"].read_text(encoding="utf-8")


def test_models_side_by_side(tmp_path: Path) -> None:
    better = {f"2024-{n:02d}": (0, 16, 16)[n % 3] for n in range(30)}
    trained = parse_result(result(better, k=16, model="trained"), "made")
    text = write_report([aime(), trained], tmp_path)["report.html"].read_text(encoding="utf-8")
    assert Page(text).open == []
    assert "Models side by side" in text and 'aria-label="pass@k by model"' in text
    # Passes: of the half-solved problems the first eight samples are right, so eight passes have 2/3 and eight 1/3.
    assert "base: 33 %, 33 %, 50 %, 67 %, 67 %" in text and "trained: 67 %, 67 %, 67 %, 67 %, 67 %" in text


def test_passes_are_samples_of_the_same_number() -> None:
    samples = parse_result(result({"p": 1, "q": 2}, k=4), "made").samples
    assert pass_accuracies(samples) == [1.0, 0.5, 0.0, 0.0]
    assert pass_accuracies({**samples, "r": samples["p"][:2]}) == []


def evaluation(folder: Path, **changes: object) -> Path:
    """A folder as `acereason eval` leaves it: a result, its samples, and those of other settings."""
    folder.mkdir()
    raw = result({"p": 1, "q": 2}, k=2, settings={"hash": "h"}, **changes)
    (folder / "aime24.json").write_text(json.dumps(raw))
    (folder / "other.json").write_text('{"no": "result"}')
    rows = [
        {"settings": settings, "benchmark": "aime24", "problem": problem, "sample": number, "text": text}
        for settings, problem, number, text in (
            ("h", "p", 0, "the thinking of p</think>" + "x" * 5000 + HOSTILE),
            ("other", "q", 0, "of other settings"),
            ("h", "q", 9, "one too far"),
        )
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "torn{")
    return folder


def test_the_command_reads_folders_and_shows_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = evaluation(tmp_path / "one"), evaluation(tmp_path / "two", model="trained")
    assert cli.main(["eval", "report", str(one), str(two / "aime24.json"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "report.html")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and not {"script", "img"} & page.tags
    assert "the thinking of p" in text and "characters ...]" in text
    assert "of other settings" not in text and "one too far" not in text
    assert cli.main(["eval", "report", str(one)]) == 0 and (one / "report" / "report.csv").is_file()
    (tmp_path / "empty").mkdir()
    assert cli.main(["eval", "report", str(tmp_path / "empty")]) == 2
    assert "holds no result of `acereason eval`" in capsys.readouterr().err


def test_every_model_is_shown_with_its_own_texts(tmp_path: Path) -> None:
    names = ["before", "after", "late"]
    for name in names:
        evaluation(tmp_path / name, model=name)
        file = tmp_path / name / "samples.jsonl"
        line = file.read_text(encoding="utf-8").replace("the thinking of p", f"thinking by {name}").splitlines()[0]
        file.write_text(line + "\n" + line.replace("thinking by", "a second text by") + "\n" + "[" * 100_000 + "\n")
    for order in (names, names[::-1]):
        words = [str(tmp_path / name) for name in order]
        assert cli.main(["eval", "report", *words, "--out", str(tmp_path / "out")]) == 0
        sections = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").split("<section>")
        for number, name in enumerate(order, 1):
            (own,) = [part for part in sections if part.startswith(f"<h2>{number}. {name} on aime24")]
            assert re.findall(r"thinking by (\w+)", own) == [name] and "a second text" not in own


def test_a_comparison_as_a_page(tmp_path: Path) -> None:
    one, two = evaluation(tmp_path / "one"), evaluation(tmp_path / "two", model=HOSTILE)
    for folder, solved in ((one, {"p": 0, "q": 2}), (two, {"p": 2, "q": 2})):
        raw = json.loads((folder / "aime24.json").read_text())
        (folder / "aime24.json").write_text(json.dumps({**raw, "problems": result(solved, k=2)["problems"]}))
    files = [str(folder / "aime24.json") for folder in (one, two)]
    html, figures = tmp_path / "c.html", tmp_path / "c.json"
    assert cli.main(["eval", "compare", *files, "--html", str(html), "--json", str(figures)]) == 0
    text = html.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and not {"script", "img"} & page.tags
    assert "a 0, b 1: 1 problems" in text and "a 1, b 1: 1 problems" in text  # the heat map's two cells
    assert "Newly solved: 1: p" in text
    assert json.loads(figures.read_text())["transitions"]["newly_solved"] == ["p"]


def test_markdown_needs_no_entities_for_quotes_and_aligns_text_to_the_left(tmp_path: Path) -> None:
    page = write_report([aime(model='it\'s "x" & y')], tmp_path)["report.md"].read_text(encoding="utf-8")
    assert "&#x27;" not in page and "&quot;" not in page and "&amp;" not in page
    assert page.splitlines()[2:5] == [
        "| model | benchmark | protocol | answer rule | k | problems | avg@k | ± problems | ± samples | cut off % "
        "| tokens | without verdict |",
        "| --- | --- | --- | --- |" + " ---: |" * 8,
        next(line for line in page.splitlines() if line.startswith('| it\'s "x" & y | aime24 |')),
    ]
    assert cell("&lt;b&gt; & <b>") == "&amp;lt;b&amp;gt; & &lt;b&gt;"


def test_wide_tables_move_in_their_own_box(tmp_path: Path) -> None:
    text = write_report([aime()], tmp_path)["report.html"].read_text(encoding="utf-8")
    assert '<div class="scroll dense"><table><thead><tr><th class="text"></th><th>AIME24</th>' in text
    assert "50.00 ±\N{NO-BREAK SPACE}" in text
