"""Rows of code problems out of what public sets publish: one parser a format, each from one record to one row.

A parser takes a record as its file or the Hub gives it and returns the columns of `ROW`; it reads, and decides
nothing. Literals of Python or JSON are parsed, never evaluated. What a record does not say is None or empty.
"""

from __future__ import annotations

import ast
import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from acereason.errors import InputError

Row = dict[str, Any]
Record = Mapping[str, Any]

_FENCE = re.compile(r"^```(?:python|py|python3)?[ \t]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TRAILER = re.compile(r"^(Tags|Time Limit|Memory Limit):(.*?)(?=^(?:Tags|Time Limit|Memory Limit):|\Z)", re.M | re.S)
_WORDS = {"true": True, "false": False, "null": None}
_TEST_GROUPS = ("public_tests", "private_tests", "generated_tests")
_CODEFORCES_SOURCE = 2  # of deepmind/code_contests, whose enumeration has AtCoder at 5 and Aizu at 6
_PYTHON3 = 3  # of its languages


def blank_row() -> Row:
    """All columns of a row, empty."""
    return {
        "domain": "code", "prompt": "", "answer": None, "tests": None, "starter_code": None, "release_date": None,
        "url": None, "reference_solutions": [], "wrong_solutions": [], "metadata": {},
    }  # fmt: skip


def literal(text_or_node: str | ast.expr) -> Any:
    """The value of a literal of Python or JSON. Raises `ValueError` for anything else."""
    try:
        node = ast.parse(text_or_node.strip(), mode="eval").body if isinstance(text_or_node, str) else text_or_node
        value = ast.literal_eval(_Words().visit(node))
        json.dumps(value, allow_nan=False)
        return value
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a literal of Python or JSON: {error}") from None


class _Words(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(_WORDS[node.id]), node) if node.id in _WORDS else node


def parameters_of(starter_code: str | None, name: str) -> list[tuple[str, str]]:
    """(name, annotation) of each parameter of function `name` in a header without a body, without `self`."""
    found = re.search(rf"def\s+{re.escape(name)}\s*\(", starter_code or "")
    if found is None:
        return []
    depth, stop = 1, found.end()
    text = starter_code or ""
    while stop < len(text) and depth:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text[stop], 0)
        stop += 1
    try:
        function = ast.parse(f"def f({text[found.end() : stop - 1]}): pass").body[0]
    except SyntaxError:
        return []
    assert isinstance(function, ast.FunctionDef)
    return [
        (argument.arg, ast.unparse(argument.annotation) if argument.annotation else "")
        for argument in function.args.args
        if argument.arg != "self"
    ]


# ---- LeetCodeDataset (newfacade), versions 0.2 and 0.3


def leetcode(record: Record) -> Row:
    """A row of LeetCodeDataset: function cases from the asserts of its script, in its order."""
    meta = record.get("meta") or {}
    starter = record.get("starter_code") or meta.get("lang_code")
    entry = str(record["entry_point"]).rpartition(".")[2]
    names = [name for name, _ in parameters_of(starter, entry)]
    cases, left_out = _cases_of_asserts(str(record.get("test") or ""), names)
    row = blank_row()
    row |= {
        "prompt": str(record.get("problem_description") or meta.get("question_title") or record["query"]).strip(),
        "tests": {"kind": "function", "entry_point": entry, "cases": cases},
        "starter_code": starter,
        "release_date": _day(record.get("estimated_date")),
        "url": f"https://leetcode.com/problems/{record['task_id']}/",
        "reference_solutions": _programs(record.get("completion"), *_fenced(record.get("response"), entry)),
    }
    row["metadata"] = {
        "source_id": record["task_id"],
        "level": record.get("difficulty") or meta.get("difficulty"),
        "cases_left_out": left_out,  # their arguments or results are objects of the platform
    }
    return row


def _day(value: Any) -> Any:
    """A day as Parquet or JSON has it, as text; anything else is left to be refused."""
    return value.isoformat()[:10] if isinstance(value, datetime.date) else value or None


def _cases_of_asserts(script: str, names: list[str]) -> tuple[list[dict[str, Any]], int]:
    """(cases, how many asserts are none) of a script whose asserts compare `candidate(name=literal)` with a literal."""
    try:
        asserts = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Assert)]
    except (SyntaxError, RecursionError, MemoryError):
        return [], 0
    cases, seen, left_out = [], set(), 0
    for node in sorted(asserts, key=lambda found: found.lineno):
        try:
            match node.test:
                case ast.Compare(left=ast.Call(args=given, keywords=named), ops=[ast.Eq()], comparators=[expected]):
                    by_name = {keyword.arg: literal(keyword.value) for keyword in named}
                    arguments = [literal(one) for one in given] + [by_name[name] for name in names[len(given) :]]
                    cases.append({"input": arguments, "output": literal(expected)})
                case _:
                    raise ValueError("not a comparison of a call with a literal")
        except (ValueError, KeyError):
            left_out += 1
            continue
        text = json.dumps(cases[-1]["input"])
        if text in seen:
            cases.pop()
        seen.add(text)
    return cases, left_out


def _fenced(response: str | None, entry: str) -> list[str]:
    """The last Python block of a written solution that defines the function, if there is one."""
    blocks = [block for block in _FENCE.findall(response or "") if re.search(rf"def\s+{re.escape(entry)}\b", block)]
    return blocks[-1:]


def _programs(*texts: str | None) -> list[str]:
    """The different programs among `texts`, in their order."""
    return list(dict.fromkeys(text.strip() + "\n" for text in texts if text and text.strip()))


# ---- CodeContests


def code_contests(record: Record) -> Row:
    """A row of deepmind/code_contests as the Hub has it, or of the copy with `problem` and `tests`."""
    if "problem" in record:
        return _statement_and_tests(str(record["problem"]), _paired(record["tests"]))
    row = _statement_and_tests(
        str(record["description"]),
        _paired([case for name in _TEST_GROUPS for case in _paired(record.get(name))]),
    )
    limit = record.get("time_limit") or {}
    seconds = (limit.get("seconds") or 0) + (limit.get("nanos") or 0) / 1e9
    row["tests"]["time_limit_s"] = seconds or None
    row["tests"]["memory_mb"] = (record.get("memory_limit_bytes") or 0) // 1_000_000 or None
    row["reference_solutions"] = _programs(*_python3(record.get("solutions")))
    row["wrong_solutions"] = _programs(*_python3(record.get("incorrect_solutions")))
    if record.get("source") == _CODEFORCES_SOURCE and record.get("cf_contest_id"):
        row["url"] = f"https://codeforces.com/problemset/problem/{record['cf_contest_id']}/{record.get('cf_index')}"
    row["metadata"] |= {"source_id": record.get("name"), "tags": _texts(record.get("cf_tags"))}
    if record.get("input_file") or record.get("output_file"):
        row["metadata"]["files"] = [record.get("input_file"), record.get("output_file")]
    return row


def _python3(solutions: Any) -> list[str]:
    if isinstance(solutions, Mapping):
        pairs = zip(solutions.get("language") or [], solutions.get("solution") or [], strict=True)
        return [text for language, text in pairs if language == _PYTHON3]
    return [one["solution"] for one in solutions or [] if one.get("language") == _PYTHON3]


def _paired(tests: Any) -> list[dict[str, str]]:
    """Cases of `{"input(s)": [...], "output(s)": [...]}` or of a list of pairs, each input once."""
    if isinstance(tests, Mapping):
        given = tests.get("inputs", tests.get("input")) or []
        expected = tests.get("outputs", tests.get("output")) or []
        if len(given) != len(expected):
            raise ValueError(f"tests: {len(given)} inputs and {len(expected)} outputs")
        pairs = list(zip(given, expected, strict=True))
    else:
        pairs = [(one["input"], one["output"]) for one in tests or []]
    cases = {str(one): {"input": str(one), "output": str(output)} for one, output in reversed(pairs)}
    return [cases[text] for text in dict.fromkeys(str(one) for one, _ in pairs)]


def _statement_and_tests(text: str, cases: list[dict[str, str]]) -> Row:
    """A stdin problem; limits and tags at the end of the statement become columns."""
    trailer = {name: value.strip() for name, value in _TRAILER.findall(text)}
    tests: dict[str, Any] = {"kind": "stdin", "cases": cases}
    tests["time_limit_s"] = _seconds(trailer.get("Time Limit", ""))
    tests["memory_mb"] = _megabytes(trailer.get("Memory Limit", ""))
    row = blank_row() | {"prompt": _TRAILER.sub("", text).strip(), "tests": tests}
    if trailer.get("Tags"):
        try:
            row["metadata"]["tags"] = _texts(literal(trailer["Tags"]))
        except ValueError:
            row["metadata"]["tags"] = []
    return row


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values if value] if isinstance(values, (list, tuple)) else []


def _seconds(text: str) -> float | None:
    if text.startswith("{"):
        try:
            value = literal(text)
            return value["seconds"] + value.get("nanos", 0) / 1e9
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
    found = re.match(r"(\d+(?:\.\d+)?)\s*(ms|millisecond|s|second)", text)
    return float(found[1]) / (1000.0 if found[2].startswith("m") else 1.0) if found else None


def _megabytes(text: str) -> int | None:
    found = re.match(r"(\d+)\s*(Bytes|MB|MiB|megabytes)", text)
    return int(found[1]) // (1_000_000 if found[2] == "Bytes" else 1) or None if found else None


# ---- Codeforces


def codeforces(record: Record) -> Row:
    """A row of open-r1/codeforces as the Hub has it, or of the copy with `problem` and `test_cases`."""
    if "problem" in record:
        return _statement_and_tests(str(record["problem"]), _paired(record["test_cases"]))
    parts = [record.get("description")]
    for title, name in (
        ("Input", "input_format"), ("Output", "output_format"), ("Interaction", "interaction_format"), ("Note", "note"),
    ):  # fmt: skip
        if record.get(name):
            parts.append(f"{title}\n\n{record[name]}")
    examples = record.get("examples") or []
    parts += [f"Example\n\nInput\n\n{one['input']}\n\nOutput\n\n{one['output']}" for one in examples]
    tests = record.get("official_tests") or examples
    row = _statement_and_tests("\n\n".join(str(part) for part in parts if part), _paired(tests))
    row["tests"]["time_limit_s"] = record.get("time_limit")
    row["tests"]["memory_mb"] = int(record["memory_limit"]) if record.get("memory_limit") else None
    start = record.get("contest_start")  # seconds since 1970
    row["release_date"] = _date(start) if start else None
    row["url"] = f"https://codeforces.com/problemset/problem/{record.get('contest_id')}/{record.get('index')}"
    row["metadata"] |= {"source_id": record.get("id"), "tags": _texts(record.get("tags"))}
    row["metadata"] |= {
        "checker": bool(record.get("generated_checker")),
        "interactive": bool(record.get("interaction_format")),
    }
    if record.get("input_mode") == "file":
        row["metadata"]["files"] = ["input", "output"]
    return row


def _date(seconds: int | float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()


# ---- our own rows


def local(record: Record) -> Row:
    """A problem as `train` reads it, with optional `reference_solutions`, `wrong_solutions` and `url`."""
    known = {*blank_row(), "id", "source", "difficulty"}
    unknown = sorted(set(record) - known)
    if unknown:
        raise ValueError(f"field {unknown[0]!r} is not known (known: {', '.join(sorted(known))})")
    row = blank_row() | {name: value for name, value in record.items() if name in blank_row() and value is not None}
    for name in ("reference_solutions", "wrong_solutions"):
        row[name] = _programs(*row[name])
    row["metadata"] = dict(row["metadata"]) | ({"source_id": record["id"]} if record.get("id") else {})
    return row


FORMATS: dict[str, Callable[[Record], Row]] = {
    "leetcode": leetcode,
    "code_contests": code_contests,
    "codeforces": codeforces,
    "local": local,
}


def parse(form: str, record: Record, where: str) -> Row:
    """The row of one record. Raises `InputError` that names the place, the format and what did not fit."""
    try:
        return FORMATS[form](record)
    except KeyError as error:
        if form not in FORMATS:
            raise InputError(f"code format {form!r} is not known; allowed: {', '.join(FORMATS)}") from None
        raise InputError(f"{where}: a record of format {form} needs the field {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: does not read as a record of format {form}: {error}") from None
