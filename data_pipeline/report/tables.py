"""The tables of the report: funnel, reasons, policies, sources, stages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from acereason.tracking.markup import escape
from data_pipeline.report import words
from data_pipeline.report.figures import Bar, bars, share
from data_pipeline.report.view import SetView


def table(head: Sequence[str], rows: Sequence[Sequence[object]], left: int = 1, prose: Collection[int] = ()) -> str:
    """A table of text and figures; the first `left` columns are text, and those in `prose` text that wraps."""
    if not rows:
        return ""

    def cell(tag: str, index: int, value: object) -> str:
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        style = ' class="prose"' if index in prose else ' class="left"' if index < left else ""
        return f"<{tag}{style}>{escape(text)}</{tag}>"

    header = "".join(cell("th", index, name) for index, name in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", i, value) for i, value in enumerate(row)) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="reasons"><thead><tr>{header}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def funnel(view: SetView) -> str:
    """How many rows there are after each stage that brings rows in or drops some."""
    first = view.source.manifest
    rows = [Bar("records read", first.rows_in, f"{first.rows_in:,}", style="t6")]
    for stage in view.stages:
        manifest = stage.manifest
        if stage.kind == "signals" or (stage.kind == "output" and manifest.rows_in == manifest.rows_out):
            continue
        gone = manifest.rows_in - manifest.rows_out
        said = f"{gone:,} dropped ({share(gone, manifest.rows_in)})" if gone else "none dropped"
        rows.append(Bar(f"after {stage.name}", manifest.rows_out, f"{manifest.rows_out:,}", said))
    about = view.problems.manifest.about
    for name, key, style in (("for training", "train", "t2"), ("held out", "heldout", "t3")):
        rows.append(Bar(name, about.get(key, 0), f"{about.get(key, 0):,}", style=style))
    return bars(rows)


def reasons(view: SetView) -> str:
    """Why rows were dropped, by source, with what each reason means."""
    drops = view.drops()
    if not drops.height:
        return "<p>No row was dropped.</p>"
    sources = [about["name"] for about in view.sources()]
    wide: dict[tuple[str, str], dict[str, int]] = {}
    for row in drops.iter_rows(named=True):
        wide.setdefault((row["stage"], row["reason"]), {})[row["source"]] = row["count"]
    rows = [
        [stage, reason, sum(counts.values()), *(counts.get(source, 0) or "" for source in sources),
         words.reason(reason, view.code)]
        for (stage, reason), counts in sorted(wide.items(), key=lambda item: -sum(item[1].values()))
    ]  # fmt: skip
    return table(["stage", "reason", "rows", *sources, "in words"], rows, left=2, prose=(3 + len(sources),))


def policies(view: SetView) -> str:
    """What each policy would drop by itself."""
    found = view.policies()
    rows = [
        [policy.stage, policy.name, sum(policy.reasons.values()), policy.only,
         ", ".join(f"{name} {count:,}" for name, count in list(policy.reasons.items())[:8])]
        for policy in found
    ]  # fmt: skip
    if not rows:
        return ""
    return "<p>The first policy that drops a row is the reason on record. By itself, each would drop:</p>" + table(
        ["stage", "policy", "rows", "no other of its stage would", "reasons"], rows, left=2, prose=(4,)
    )


def sources(view: SetView) -> str:
    """Where the rows are from, and how many of each source were kept."""
    rows, drawn = [], []
    for about in view.sources():
        read, kept = int(about.get("records", 0)), int(about["kept"]) + int(about["heldout"])
        drawn.append(Bar(str(about["name"]), kept, f"{kept:,}", f"of {read:,} kept ({share(kept, read)})", "t4"))
        rows.append(
            [about["name"], about.get("licence") or "not stated", about.get("revision") or "–", read, kept,
             share(kept, read)]
        )  # fmt: skip
    return bars(drawn) + table(["source", "licence", "revision", "records", "kept", "share"], rows, left=3)


def stages(view: SetView) -> str:
    """Every stage with its key, so that two sets can be told apart; its seconds are in its manifest alone."""
    rows = [
        [stage.folder.name, stage.kind, stage.manifest.rows_in, stage.manifest.rows_out, stage.manifest.key[:12],
         stage.manifest.code[:12]]
        for stage in view.stages
    ]  # fmt: skip
    return table(["stage", "kind", "rows in", "rows out", "key", "code"], rows, left=2)
