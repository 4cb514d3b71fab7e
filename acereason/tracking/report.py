"""`report.html`: one self-contained page on a run, running or ended. It loads nothing and sends nothing.

The page's policy forbids every request and every script but its own (named by hash), and whatever a
model wrote stands in it as escaped text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acereason.errors import InputError
from acereason.tracking import files
from acereason.tracking.markup import escape
from acereason.tracking.report_charts import DOMAINS, accuracy_figures, time_figure, training_figures
from acereason.tracking.report_style import SCRIPT, STYLE
from acereason.tracking.run_view import Evaluation, RunView, Sample, StageView, load_run, pick_samples
from acereason.tracking.time_left import duration

MOST_SAMPLES = 200
CONFIG_CHARS = 60_000


def write_report(run_dir: Path) -> Path:
    """Writes report.html into the run directory and returns its path. Raises `InputError` where there is no run."""
    run_dir = Path(run_dir)
    if not files.holds_run(run_dir):
        raise InputError(f"{run_dir} holds no run (no {files.CONFIG} and no {files.METRICS})")
    path = run_dir / files.REPORT
    files.write_bytes(path, page(load_run(run_dir)).encode("utf-8"))
    return path


def page(run: RunView) -> str:
    """The whole page. Reads the sampled responses of `run`."""
    samples = pick_samples(run, MOST_SAMPLES)
    sections = [
        _head(run),
        _section("Stages", _stage_table(run)),
        _section("Held-out accuracy", _grid(accuracy_figures(run))),
        _section("Training, step by step", _grid(training_figures(run), "Hover over a chart to read its figures.")),
        _section("Time", time_figure(run)),
        _section("Responses", _browser(samples)),
        _section("Data, and what is our choice", _data(run) + _choices(run)),
        _section("Configuration", _configuration(run)),
        _foot(run),
    ]
    policy = f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(run.name)} · {escape(run.state)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + f"\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _grid(figures: Iterable[str], note: str = "") -> str:
    drawn = "".join(figures)
    said = f"<p>{escape(note)}</p>" if note else ""
    return f'{said}<div class="charts">{drawn}</div>' if drawn else ""


def _head(run: RunView) -> str:
    seed = run.config.get("seed")
    git = run.manifest.get("git") or {}
    commit = str(git.get("sha", ""))[:10] + (" + changes" if git.get("dirty") else "")
    facts = [
        ("wall time", duration(run.wall_seconds)),
        ("steps", f"{run.steps:,}"),
        ("seed", "–" if seed is None else seed),
        ("checkpoint", run.checkpoint or "none"),
        ("commit", commit or "–"),
        ("started", str(run.manifest.get("started_at", "–"))[:16].replace("T", " ")),
    ]
    cells = "".join(
        f"<div><dt>{escape(term)}</dt><dd{_long(value)}>{escape(value)}</dd></div>" for term, value in facts
    )
    state = run.state if run.state in ("completed", "failed", "stopped", "running", "interrupted") else "interrupted"
    error = f'<div class="error"><p>The run failed:</p><pre>{escape(run.error)}</pre></div>' if run.error else ""
    unread = "".join(f'<div class="error"><p>{escape(problem)}</p></div>' for problem in run.problems[:5])
    return (
        f'<header><p class="kicker">Training run</p><h1>{escape(run.name)}</h1>'
        f'<p class="lede"><span class="state {state}">{escape(run.state)}</span>{_outcome(run)}</p>'
        f'<dl class="facts">{cells}</dl>{error}{unread}</header>'
    )


def _long(value: object) -> str:
    return ' class="long"' if len(str(value)) > 14 else ""


def _outcome(run: RunView) -> str:
    """From the first evaluation with which sampling began to the last one, in a sentence."""
    trained = [stage for stage in run.stages if stage.domain != "sft"] or run.stages
    first: Evaluation = next((stage.before for stage in trained if stage.before), {})
    last: Evaluation = next((stage.after for stage in reversed(trained) if stage.after), {})
    parts = []
    for domain in DOMAINS:
        pair = [(result.get(domain) or {}).get("avg_at_k") for result in (first, last)]
        if None not in pair:
            k = last[domain].get("k", "k")
            parts.append(f"{domain} {100 * pair[0]:.1f} → {100 * pair[1]:.1f} % (avg@{k})")
    return escape(" · held-out " + ", ".join(parts) + " over the RL stages") if parts else ""


def _stage_table(run: RunView) -> str:
    if not run.stages:
        return "<p>No stage has begun.</p>"
    rows = "".join(_stage_row(stage) for stage in run.stages)
    return (
        '<div class="scroll"><table><thead><tr><th rowspan="2">stage</th><th rowspan="2">domain</th>'
        '<th rowspan="2">steps</th><th rowspan="2">time</th><th rowspan="2">s a step</th><th rowspan="2">tokens/s</th>'
        '<th colspan="3" class="over">held-out math, %</th><th colspan="3" class="over">held-out code, %</th></tr>'
        + "<tr>" + "<th>before</th><th>after</th><th>change</th>" * 2 + "</tr></thead>"
        + f"<tbody>{rows}</tbody></table></div>"
        '<p class="note">avg@k at temperature 1 and top-p 1, ± one standard error.</p>'
    )  # fmt: skip


def _stage_row(stage: StageView) -> str:
    steps = f"{stage.steps:,}" if stage.planned in (None, stage.steps) else f"{stage.steps:,} of {stage.planned:,}"
    times = [row["time/step_s"] for row in stage.rows if row.get("time/step_s") is not None]
    speeds = [row["throughput/tokens_per_s"] for row in stage.rows if row.get("throughput/tokens_per_s") is not None]
    cells = [
        escape(stage.name),
        escape(stage.domain),
        steps,
        escape(duration(stage.seconds)),
        f"{sum(times) / len(times):.2f}" if times else "–",
        f"{sum(speeds) / len(speeds):,.0f}" if speeds else "–",
    ]
    for domain in DOMAINS:
        before, after = stage.before.get(domain) or {}, stage.after.get(domain) or {}
        cells += [_accuracy(before), _accuracy(after), _change(before.get("avg_at_k"), after.get("avg_at_k"))]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _accuracy(values: dict[str, Any]) -> str:
    value, error = values.get("avg_at_k"), values.get("standard_error")
    if value is None:
        return "–"
    return f"{100 * value:.1f}" + (f' <span class="pm">± {100 * error:.1f}</span>' if error is not None else "")


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "–"
    points = 100 * (after - before)
    style = "up" if points >= 1 else "down" if points <= -1 else "pm"
    return f'<span class="{style}">{points:+.1f}</span>'.replace("-", "−")


def _browser(samples: list[Sample]) -> str:
    if not samples:
        return ""
    stages = list(dict.fromkeys(sample.stage for sample in samples))
    verdicts = list(dict.fromkeys(sample.verdict for sample in samples))

    def choice(label: str, name: str, values: list[str]) -> str:
        options = "".join(f'<option value="{escape(v)}">{escape(v.replace("_", " "))}</option>' for v in values)
        return f'<label>{label} <select id="{name}"><option value="">all</option>{options}</select></label>'

    return (
        "<p>A sample of what the model wrote, from the first, a middle and the last recorded step of each stage, with "
        "every verdict that occurred. Rare verdicts are over-represented, and long texts are cut in the middle.</p>"
        '<div class="filters" id="filters" hidden>'
        + choice("stage", "by-stage", stages)
        + choice("verdict", "by-verdict", sorted(verdicts))
        + '<span id="count"></span></div><div id="samples">'
        + "".join(_sample(sample) for sample in samples)
        + '</div><p><button id="more" type="button" hidden>Show more</button></p>'
    )


def _sample(sample: Sample) -> str:
    verdict = escape(sample.verdict)
    known = sample.verdict if sample.verdict.isidentifier() and sample.verdict.isascii() else ""
    length = f"{sample.tokens:,} tokens" if sample.tokens is not None else ""
    ended = "cut at the limit" if sample.finish_reason == "length" else ""
    meta = " · ".join(part for part in (f"{sample.stage} {sample.stage_step}", length, ended) if part)
    first = next((line for line in sample.prompt.splitlines() if line.strip()), sample.problem_id)
    detail = f'<p class="note">verifier</p><pre>{escape(sample.detail)}</pre>' if sample.detail else ""
    return (
        f'<details data-stage="{escape(sample.stage)}" data-verdict="{verdict}"><summary>'
        f'<span class="chip {known}">{escape(sample.verdict.replace("_", " "))}</span>'
        f'<span class="first">{escape(first[:160])}</span><span class="meta">{escape(meta)}</span></summary>'
        f'<div class="sample"><p class="note">prompt · {escape(sample.problem_id)}</p><pre>{escape(sample.prompt)}</pre>'
        f'<p class="note">response</p><pre>{escape(sample.text)}</pre>{detail}</div></details>'
    )


def _data(run: RunView) -> str:
    if not run.dataset:
        return ""
    said = "".join(
        f"<p>{escape(run.dataset[key])}</p>" for key in ("note", "notes", "teacher") if _is_text(run.dataset.get(key))
    )
    rest = {
        key: value
        for key, value in run.dataset.items()
        if not (key in ("note", "notes", "teacher") and _is_text(value))
    }
    listing = "".join(
        f"<tr><td>{escape(key)}</td><td>{escape(_brief(value))}</td></tr>" for key, value in list(rest.items())[:40]
    )
    table = f'<details class="fold"><summary>The data set in figures</summary><table><tbody>{listing}</tbody></table></details>'
    return said + (table if listing else "")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        text = ", ".join(f"{key} {_brief(item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(_brief(item) for item in value)
    else:
        text = str(value)
    return text if len(text) <= 300 else text[:299] + "…"


def _choices(run: RunView) -> str:
    """What follows the papers, and what had to be chosen; figures are this run's where the configuration has them."""
    shape = ", ".join(stage.name for stage in run.stages)
    items = (
        "<b>The papers'.</b> GRPO with the reward's mean and standard deviation over a group as baseline and scale, "
        "token-level loss, exactly one update a rollout batch, no KL and no entropy term, a reward of 1 for a correct "
        "response and 0 otherwise; math in growing response lengths, then code, then math.",
        "<b>Not stated there, chosen here.</b> Steps of each stage, the clipping of gradients, AdamW's betas and decay, the "
        "number added to the standard deviation, sampling temperature and top-p of the math stages, the limits of one "
        "verification, and how optimiser state passes from stage to stage.",
        "<b>This run's own.</b> "
        + (f"Its stages ({escape(shape)}), the" if shape else "The")
        + " model's size, learning rates, lengths and batch are those of the configuration below; held-out problems are "
        "judged at temperature 1 and top-p 1, which is not the papers' protocol.",
    )
    return '<ul class="choices">' + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _configuration(run: RunView) -> str:
    parts = []
    if run.config_text:
        text = run.config_text[:CONFIG_CHARS]
        parts.append(
            f'<details class="fold"><summary>config.yaml, resolved</summary><pre>{escape(text)}</pre></details>'
        )
    packages = run.manifest.get("packages") or {}
    if packages:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(version)}</td></tr>" for name, version in packages.items()
        )
        machine = f"Python {run.manifest.get('python', '–')}, {run.manifest.get('cpu_count', '–')} cores, {run.manifest.get('platform', '–')}"
        parts.append(
            '<details class="fold"><summary>Packages and machine</summary>'
            f"<p>{escape(machine)}</p><table><tbody>{rows}</tbody></table></details>"
        )
    return "".join(parts)


def _foot(run: RunView) -> str:
    resumed = run.manifest.get("resumed") or []
    steps = ", ".join(str(entry.get("from_step")) for entry in resumed if isinstance(entry, dict))
    again = f" Resumed from step {steps}." if steps else ""
    return (
        f"<footer><p>Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC from metrics.jsonl, eval/ and rollouts/.{escape(again)} "
        f"Configuration hash {escape(str(run.manifest.get('config_sha256', '–'))[:12])}.</p></footer>"
    )
