"""Signals of a code problem's statement and header: what a program judged by its output alone cannot be asked."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from data_pipeline.code import pictures
from data_pipeline.code.urls import canonical_url

COLUMNS: dict[str, Any] = {
    "codestatement_interactive": pl.String,  # the words that say so, else null
    "codestatement_several_answers": pl.String,
    "codestatement_any_order": pl.Boolean,
    "codestatement_images": pl.Int64,
    "codestatement_image_needed": pl.Boolean,
    "codestatement_template": pl.String,
    "codestatement_files": pl.Boolean,
    "codestatement_characters": pl.Int64,
    "codestatement_url": pl.String,  # in one form for all spellings of one page, else null
}


@dataclass(frozen=True)
class StatementPolicyConfig:
    """Which signals drop a problem. The paper names the rules; the readings are ours."""

    interactive: bool
    several_answers: bool  # said by the statement, or the set brings a checker, which is not run here
    any_order: bool  # the same of the order of what is answered
    images: bool  # where the text leans on one; else an image in passing does not drop
    platform_templates: bool
    files: bool  # reads or writes named files
    fewest_characters: int


_INTERACTIVE = re.compile(
    r"\bthis is an? (?:\w+ )?interactive (?:problem|task)|\binteractive problem\b"
    r"|\binteract(?:s|ion)? with (?:the|a|your) "
    r"(?:judge|jury|grader|interactor|program|testing system)|\bthe (?:interactor|jury's program) (?:will|is|responds)"
    r"|\bfflush\(|\bflush(?:ing)? (?:the )?(?:standard )?(?:output|stdout|buffer)|\bsys\.stdout\.flush"
    r"|\byou (?:can|may) (?:ask|make) (?:at most|up to|no more than) [\w\s*^,{}$\\]{1,30} (?:queries|questions)\b"
    r"|\bafter (?:printing|outputting) (?:a|each|every) (?:query|question)",
    re.I,
)
_GIVE = r"(?:print|output|return|report|find|give|construct|write)(?:s|ed)?"
_SEVERAL = re.compile(
    r"\bif (?:there (?:are|is|exist)|more than one|multiple|several|many)\b"
    rf"[^.\n]{{0,100}}?\b{_GIVE}\b[^.\n]{{0,40}}\bany\b"
    rf"|(?<!not )(?<!n't )\b{_GIVE} any "
    r"(?:one |of |such |valid |suitable |correct |possible |optimal |acceptable |\w+ (?:that|which) )"
    rf"|\b{_GIVE}\b[^.\n]{{0,60}}\bany of (?:them|these|those|the (?:possible|valid|correct|optimal|suitable))\b"
    # "return any permutation p of", "output one line containing any string that", but not "find any number of"
    r"|(?:\b(?:print|output|return|report|construct)(?:s|ed)? (?:one line |a line )?(?:containing |with )?"
    r"|(?:^|[.,;:]\s+)find )any "
    r"(?!number\b|amount\b|more\b|other\b|further\b)(?:[\w'-]+ ){0,3}"
    r"(?:(?:of|that|such|which|whose|with|from|and|or)\b|\w*\[)"
    r"|\bany (?:valid|correct|suitable|optimal|acceptable) (?:answer|solution|output)\b"
    r"|\bany (?:answer|solution|output) (?:that|which|whose)\b[^.\n]*\b(?:accepted|correct|allowed)\b"
    r"|\b(?:if )?(?:multiple|more than one|several|many) (?:valid |correct |possible |optimal |suitable )?"
    r"(?:answers?|solutions?|outputs?)[^.\n]{0,60}\b(?:any|accepted|allowed)\b"
    r"|\byou (?:may|can) (?:print|output|return) any\b",
    re.I | re.M,
)
_CASE_ONLY = re.compile(r"in any (?:case|register|letter case)|any (?:case|letter) \((?:upper|lower)", re.I)
# "formed by concatenating some of the digits in any order" is said of how, not of what is answered.
_ANY_ORDER = re.compile(
    rf"\b(?:{_GIVE}|answers?)\b(?:(?!\bby (?:\w+ly )?\w+ing\b)[^.\n])*"
    r"\bin (?:any|an arbitrary|any arbitrary|any possible|arbitrary|whatever) order\b"
    r"|\border\b[^.\n]{0,60}\b(?:outputs?|answers?|results?|returned|printed|solutions?)\b[^.\n]{0,60}"
    r"\b(?:(?:does|do|is|are) not|doesn't|don't) (?:matter|important)\b",
    re.I,
)
_EXAMPLES = re.compile(r"^\s*(?:Example|Sample|Note|Explanation|Input\s*$|Constraints)", re.I | re.M)
_FILES = re.compile(
    r"\b(?:input|output) file\b[^.\n]{0,30}\b[\w-]+\.(?:in|out|txt)\b"
    r"|\b(?:from|to) (?:the )?file [\"'`]?[\w-]+\.(?:in|out|txt)",
    re.I,
)
_PLAIN_TYPES = {
    "int", "float", "str", "bool", "list", "dict", "set", "tuple", "none", "any", "optional", "union", "iterable",
    "sequence", "mapping", "callable", "object", "counter", "deque", "bytes", "type",
}  # fmt: skip
_CLASS = re.compile(r"^class\s+(\w+)", re.M)
_API = re.compile(
    r"\b(?:is|are) already defined for you\b|\bpre-?defined API\b|\byou are given an? API\b"
    r"|\bgiven (?:the|an?) (?:API|interface)\b",
    re.I,
)


def of(
    prompt: str, starter_code: str | None, tests: dict[str, Any], metadata: dict[str, Any], url: str | None
) -> dict[str, Any]:
    """Every signal of one problem, by column name."""
    length, prompt = len(prompt), prompt.replace("\u00a0", " ")
    interactive = _INTERACTIVE.search(prompt)
    several = _said(_SEVERAL.search(_CASE_ONLY.sub(" ", prompt)))
    images = len(pictures.IMAGE.findall(prompt))
    first = _EXAMPLES.search(prompt)
    body = prompt[: first.start()] if first else prompt
    return {
        "codestatement_interactive": "stated" if metadata.get("interactive") else _said(interactive),
        # A checker says as much, and is not run here.
        "codestatement_several_answers": several or ("brings a checker" if metadata.get("checker") else None),
        "codestatement_any_order": bool(_ANY_ORDER.search(prompt)),
        "codestatement_images": images,
        # Pictures behind the examples explain them.
        "codestatement_image_needed": pictures.needed(body),
        "codestatement_template": template(prompt, starter_code, metadata),
        "codestatement_files": bool(_FILES.search(prompt)) or any(metadata.get("files") or ()),
        "codestatement_characters": length,
        "codestatement_url": canonical_url(url),
    }


def template(prompt: str, starter_code: str | None, metadata: dict[str, Any]) -> str | None:
    """What of the platform's own code the problem needs: types of its header that are none of Python's, a class to
    fill in, an interface that is given, cases whose arguments are its objects. None where it needs none."""
    header = re.sub(r"^\s*#.*$", "", starter_code or "", flags=re.M)
    for name in types_in(header):
        if name.lower() not in _PLAIN_TYPES:
            return name
    own = [name for name in _CLASS.findall(header) if name != "Solution"]
    if own:
        return f"class {own[0]}"
    if _API.search(prompt):
        return "an interface of the platform"
    return "objects in its cases" if metadata.get("cases_left_out") and metadata.get("no_case_read") else None


def types_in(header: str) -> list[str]:
    """The names of all types that the functions of a header, which may lack its bodies, take and return."""
    found: set[str] = set()
    for function in re.findall(r"def\s+\w+\s*\(.*?\)\s*(?:->\s*[^:\n]+?)?\s*:\s*$", header, re.M | re.S):
        try:
            tree = ast.parse(f"{function.strip()} pass").body[0]
        except SyntaxError:
            continue
        assert isinstance(tree, ast.FunctionDef)
        annotations = [one.annotation for one in tree.args.args if one.annotation] + (
            [tree.returns] if tree.returns else []
        )
        for annotation in annotations:
            for node in ast.walk(annotation):
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= set(re.findall(r"[A-Za-z_]\w*", node.value))
    return sorted(found)


def _said(found: re.Match[str] | None) -> str | None:
    return " ".join(found[0].split()).lstrip(".,;: ")[:80] if found else None


def signals(rows: pl.DataFrame) -> pl.DataFrame:
    """`id` and the columns of `COLUMNS`, one row for each of `rows`, in their order."""
    found = [
        of(
            row["prompt"],
            row["starter_code"],
            json.loads(row["tests"] or "{}"),
            json.loads(row["metadata"] or "{}"),
            row["url"],
        )
        for row in rows.select("prompt", "starter_code", "tests", "metadata", "url").iter_rows(named=True)
    ]
    return pl.DataFrame(found, schema=COLUMNS).insert_column(0, rows["id"])


def decide(table: pl.DataFrame, settings: StatementPolicyConfig) -> pl.Series:
    """The reason why each row is dropped, null where it is kept. The first rule that holds names the reason."""
    column = pl.col
    rules: list[tuple[str, bool, pl.Expr]] = [
        ("interactive", settings.interactive, column("codestatement_interactive").is_not_null()),
        ("platform_template", settings.platform_templates, column("codestatement_template").is_not_null()),
        ("several_answers", settings.several_answers, column("codestatement_several_answers").is_not_null()),
        ("any_order", settings.any_order, column("codestatement_any_order")),
        ("image", settings.images, column("codestatement_image_needed")),
        ("files", settings.files, column("codestatement_files")),
        ("too_short", True, column("codestatement_characters") < settings.fewest_characters),
    ]
    reason = pl.lit(None, dtype=pl.String)
    for name, wanted, rule in reversed(rules):
        if wanted:
            reason = pl.when(rule).then(pl.lit(name)).otherwise(reason)
    return table.select(reason.alias("reason"))["reason"]
