"""The frame of the evaluation's HTML pages, which load nothing and run nothing, and tables in them."""

from __future__ import annotations

from collections.abc import Sequence

from acereason.tracking import markup
from acereason.tracking.markup import escape
from acereason.tracking.report_style import STYLE
from eval.markdown import text_columns

_ORDER = (0, 2, 4, 1, 3, 5, 6)  # the style sheet's colours, neighbours unlike
MOST_COLUMNS = 8  # of a table in the page's own size of letters
MODELS = len(_ORDER)  # colours by which models are told apart
_OWN = (
    "".join(f".m{n}{{color:var(--t{t})}}.m{n}f{{fill:var(--t{t})}}" for n, t in enumerate(_ORDER))
    + ".heat{fill:var(--math)}.box{fill:var(--tint);stroke:currentColor}.whisker{stroke:currentColor;fill:none}"
    + "h3.table{margin:1.8rem 0 .2rem}.light{fill:var(--paper);font:10px sans-serif}"
    + ".cell{fill:var(--ink);font:10px sans-serif}.ours td{font-weight:600}"
    # a table that is wider than the page moves in its own box, whose shaded edge says that there is more
    + ".scroll{background:linear-gradient(to right,var(--paper) 40%,transparent),"
    "linear-gradient(to left,var(--paper) 40%,transparent) 100% 0,"
    "linear-gradient(to right,#0003,transparent),linear-gradient(to left,#0003,transparent) 100% 0;"
    "background-repeat:no-repeat;background-size:3rem 100%,3rem 100%,.8rem 100%,.8rem 100%;"
    "background-attachment:local,local,scroll,scroll}"
    + "td.text,th.text{text-align:left}.scroll td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:9rem}"
    + ".dense table{font-size:.82rem}.dense td,.dense th{padding-left:.75rem}.dense .ours td{white-space:normal}"
    + ".dense th{white-space:normal}"
    + ".scroll td:first-child,.scroll th:first-child{padding-left:0}"
    + "@media (max-width:640px){.scroll td:first-child{min-width:7rem}.scroll td,.scroll th{padding-left:.8rem}"
    ".scroll td:first-child,.scroll th:first-child{padding-left:0}}"
    + "pre.said{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;max-height:20rem;overflow-y:auto}"
)


def document(title: str, kicker: str, body: Sequence[str]) -> str:
    """A whole page; `body` is markup, the titles are text."""
    head = f'<header><p class="kicker">{escape(kicker)}</p><h1>{escape(title)}</h1></header>'
    return markup.document(title, head + "\n".join(body), STYLE + _OWN)


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], ours: int = 0) -> str:
    """A table, of which the last `ours` rows stand out; columns of text are on the left. Cells are escaped here."""
    marks = [' class="text"' if text else "" for text in text_columns(head, rows)]
    top = "".join(f"<th{mark}>{escape(name)}</th>" for name, mark in zip(head, marks, strict=True))
    first = len(rows) - ours
    body = "".join(
        ('<tr class="ours">' if number >= first else "<tr>")
        + "".join(f"<td{mark}>{escape(_held(text))}</td>" for text, mark in zip(row, marks, strict=True))
        + "</tr>"
        for number, row in enumerate(rows)
    )
    box = "scroll dense" if len(head) > MOST_COLUMNS else "scroll"
    return f'<div class="{box}"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _held(text: str) -> str:
    """`text`, broken only before its error, which stays together with its sign."""
    return text.replace("± ", "±\N{NO-BREAK SPACE}").replace(" (", "\N{NO-BREAK SPACE}(") if "±" in text else text
