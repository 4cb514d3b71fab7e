"""The report: one page, nothing loaded, nothing a model wrote obeyed, whatever state the run is in."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acereason.errors import InputError
from acereason.tracking import files, report_texts
from acereason.tracking.markup import escape, visible
from acereason.tracking.report import page, write_report
from acereason.tracking.report_style import SCRIPT
from acereason.tracking.run_view import Sample, load_run, pick_samples
from acereason.tracking.status import status_table

from .synthetic import HOSTILE, STAGES, write_run

OURS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer", "p", "h1", "h2", "h3",
    "dl", "div", "dt", "dd", "span", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "ul", "li",
    "b", "svg", "g", "path", "rect", "text", "circle", "details", "summary", "pre", "label", "select", "option",
    "button", "script",
}  # fmt: skip
VOID = {"meta", "path", "rect", "circle"}


class Page(HTMLParser):
    """Tags, attributes and texts of a page, and whether its tags close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.comments: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.texts).append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def check_inert(text: str) -> Page:
    parsed = Page(text)
    assert parsed.open == [] and parsed.comments == []
    assert set(parsed.tags) <= OURS
    assert parsed.tags.count("script") == 1 and parsed.scripts == [SCRIPT]
    for _, name, value in parsed.attributes:
        assert not name.startswith("on") and name not in ("src", "href", "style", "srcset", "action", "xlink:href")
        assert "javascript:" not in value
    return parsed


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("finished"))


def test_a_finished_run(finished: Path) -> None:
    text = write_report(finished).read_text("utf-8")
    parsed = check_inert(text)
    said = " ".join(parsed.texts)
    for expected in ("completed", "held-out math 55.0 → 83.0 % (avg@4), code 26.0 → 83.0 % (avg@4)", "errs on purpose",
                     "tolerance 1e-4", "checkpoints/math_final/step_000020", "aggregation: batch"):  # fmt: skip
        assert expected in said, expected
    for title in ("Reward", "Verdicts", "Response length", "Truncated responses", "Entropy", "Trainer against engine",
                  "Gradient norm", "SFT loss", "Where the time went", "Held-out math", "Held-out code"):  # fmt: skip
        assert title in parsed.texts, title
    body = text[text.index("<body>") :]
    assert re.search(r"\b(nan|inf|None)\b", body) is None
    table = [t for t in parsed.texts if t in {name for name, _, _ in STAGES}]
    assert set(table) == {name for name, _, _ in STAGES}


def test_how_responses_were_verified_is_shown(finished: Path) -> None:
    text = page(load_run(finished))
    assert "<dt>sandbox</dt><dd>level 2</dd>" in text
    assert "in a sandbox with namespaces, seccomp" in text
    # the made-up run counts as many restarts as it has finished stages, and never counts anew: five in the last one
    assert "The queue held up to 12 responses; 5 processes of the verifiers were replaced." in text


def test_nothing_is_loaded_and_only_our_script_may_run(finished: Path) -> None:
    text = write_report(finished).read_text("utf-8")
    parsed = Page(text)
    policy = next(
        value for tag, name, value in parsed.attributes if tag == "meta" and name == "content" and "src" in value
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    for name, content in (("script-src", SCRIPT), ("style-src", style)):
        assert rules[name] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
    assert rules["default-src"] == "'none'" and rules["base-uri"] == "'none'" and rules["form-action"] == "'none'"
    assert "http://" not in text and "https://" not in text and "url(" not in style and "@import" not in style


@pytest.mark.parametrize(
    ("stop_after", "status", "word"),
    [(95, None, "interrupted"), (140, "failed", "failed"), (30, "stopped", "stopped"), (0, None, "interrupted")],
)
def test_unfinished_runs(tmp_path: Path, stop_after: int, status: str | None, word: str) -> None:
    write_run(tmp_path, stop_after=stop_after, status=status)
    said = " ".join(check_inert(write_report(tmp_path).read_text("utf-8")).texts)
    assert word in said
    if status == "failed":
        assert "engine 0 died (exit code 137); last lines of its log: <Killed>" in said
    assert word in status_table(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for read in (write_report, status_table):
        with pytest.raises(InputError, match="holds no run"):
            read(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_said_and_not_fatal(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    (tmp_path / "eval" / "code.json").write_text("[")
    (tmp_path / "data" / "dataset.json").write_text("nothing")
    (tmp_path / "config.yaml").write_text("a: [")
    files.rollout_path(tmp_path, "code", 1).write_bytes(gzip.compress(b"{}\nnot json"))
    said = " ".join(check_inert(write_report(tmp_path).read_text("utf-8")).texts)
    assert "summary.json: expected a JSON file" in said
    with (tmp_path / "metrics.jsonl").open("ab") as stream:
        stream.write(b'{"step": 221, "sta')
    assert load_run(tmp_path).steps == 220


def test_hostile_names_and_settings(tmp_path: Path) -> None:
    write_run(tmp_path, stop_after=60, status="failed")
    config = (tmp_path / "config.yaml").read_text() + f"x: {json.dumps(HOSTILE)}\n"
    (tmp_path / "config.yaml").write_text(config.replace("name: synthetic", 'name: "<script>alert(1)</script>"'))
    summary = json.loads((tmp_path / "summary.json").read_text())
    summary |= {"error": HOSTILE, "checkpoint": "<img src=x>"}
    files.write_json(tmp_path / "summary.json", summary)
    files.write_json(tmp_path / "data" / "dataset.json", {"<b>": HOSTILE, "teacher": {"description": [HOSTILE]}})
    lines = (tmp_path / "metrics.jsonl").read_text().replace('"math_80"', '"<svg onload=alert(1)>"')
    (tmp_path / "metrics.jsonl").write_text(lines)
    parsed = check_inert(write_report(tmp_path).read_text("utf-8"))
    assert "<script>alert(1)</script>" in parsed.texts


FRAGMENTS = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text(st.characters(categories=["Cs", "Cc", "Cf"]), max_size=5),
        st.sampled_from(["</script>", "<script>", "-->", "<!--", "]]>", "</pre>", '"', "'", ">", "&lt;", "&#60;",
                         "<![CDATA[", "</style>", "</title>", "<plaintext>", "\x00", "<\u0130mg", "\\u003cscript>",
                         "&"]),
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(FRAGMENTS)
@settings(max_examples=300)
def test_escaped_text_is_only_text(text: str) -> None:
    parsed = Page(f'<p title="{escape(text)}">{escape(text)}</p>')
    assert parsed.tags == ["p"] and parsed.open == [] and parsed.comments == []
    assert "".join(parsed.texts) == visible(text)
    assert parsed.attributes == ([("p", "title", visible(text))])
    visible(text).encode("utf-8")


@given(prompt=FRAGMENTS, text=FRAGMENTS, verdict=FRAGMENTS, detail=FRAGMENTS)
@settings(max_examples=100, deadline=None)
def test_any_sample_is_inert(prompt: str, text: str, verdict: str, detail: str) -> None:
    sample = Sample("s<b>", 1, verdict, prompt, text, detail, 3, "stop", prompt)
    parsed = Page(report_texts.browser([sample]))
    assert set(parsed.tags) <= OURS - {"script", "style"} and parsed.open == []
    assert "s<b>" in " ".join(parsed.texts)
    if text:
        assert visible(text) in parsed.texts
    assert not any(name.startswith("on") for _, name, _ in parsed.attributes)


def test_hidden_characters_are_spelt_out() -> None:
    assert visible("a\u202eb\x1b[0m\x00\u200b\ud800\r\n\tend") == "a⟨U+202E⟩b␛[0m␀⟨U+200B⟩\ufffd\n\tend"
    assert visible("数学 é 𝔘\n") == "数学 é 𝔘\n"


def test_samples_are_few_cut_and_of_every_verdict(tmp_path: Path) -> None:
    write_run(tmp_path, responses=0)
    shutil.rmtree(tmp_path / "rollouts")
    rows = [{"id": str(n), "verdict": "wrong", "text": "x" * 100_000 + "\\boxed{7}"} for n in range(90)]
    rows[88]["verdict"] = "infra_error"
    for step in range(1, 40):
        files.write_rollout_file(files.rollout_path(tmp_path, "code", step), rows)
    samples = pick_samples(load_run(tmp_path), most=30)
    assert len(samples) <= 30 and {s.verdict for s in samples} == {"wrong", "infra_error"}
    assert {s.stage_step for s in samples} == {1, 20, 39}
    assert all(len(s.text) < 4000 and s.text.endswith("\\boxed{7}") for s in samples)


def test_rows_without_what_the_loop_adds_are_shown(tmp_path: Path) -> None:
    write_run(tmp_path, stop_after=50, status=None, responses=0)
    files.write_rollout_file(
        files.rollout_path(tmp_path, "math_80", 3), [{"id": "bare"}, {"text": None, "tokens": [1, 2]}]
    )
    assert "unjudged" in page(load_run(tmp_path))


def test_nulls_in_the_metrics_leave_gaps(tmp_path: Path) -> None:
    write_run(tmp_path)
    rows = files.read_metrics(tmp_path)
    for index, row in enumerate(rows):
        if index % 3:
            row.update(dict.fromkeys([key for key in row if "/" in key]))
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    check_inert(write_report(tmp_path).read_text("utf-8"))


def test_time_is_accounted_for(finished: Path) -> None:
    run = load_run(finished)
    code = next(stage for stage in run.stages if stage.name == "code")
    assert code.eval_seconds == 5.0 and code.groups == 16 and code.planned == code.steps == 75
    assert dataclasses.asdict(code)["before"]["code"]["avg_at_k"] == 0.29


def test_a_long_run_stays_small(tmp_path: Path) -> None:
    """4,180 steps are averaged into columns: the page does not grow with the run."""
    write_run(tmp_path, scale=19)
    assert load_run(tmp_path).steps == 4180
    assert write_report(tmp_path).stat().st_size < 1_000_000


def test_status_table(finished: Path) -> None:
    lines = status_table(finished).splitlines()
    assert lines[0].startswith("synthetic: completed, 220 steps, ") and lines[0].endswith(
        "checkpoints/math_final/step_000020"
    )
    assert lines[1].split() == ["stage", "domain", "state", "steps", "time", "math", "code", "artifact"]
    assert lines[6].split()[:4] == ["code", "code", "done", "75"] and "79.0 → 80.0  29.0 → 84.0" in lines[6]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_runs_our_script_and_nothing_else(finished: Path, tmp_path: Path) -> None:
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path}", "--dump-dom", write_report(finished).as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert "<title>synthetic · completed</title>" in dom  # the planted script would have renamed it
    assert re.search(r'<span id="count">\d+ responses</span>', dom)  # ours ran
