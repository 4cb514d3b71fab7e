"""The named signals of a mathematical problem, and the policy that reads them (RECIPE: exclusions 1 to 7 and audits).

Signals never drop anything. Which rule exists is the paper's; where it gives no threshold, the default is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl

from acereason.config.limits import within
from data_pipeline.math import answers, language, questions, references
from data_pipeline.math.text import read

FIGURES = ("image", "drawing", "missing")  # what `statement_figure` says of a statement that leans on one


@dataclass(frozen=True)
class StatementSettings:
    """Thresholds of the policy, all our choice: the paper states the rules without figures. None turns a limit off."""

    sub_questions: bool = True
    max_asks: Annotated[int | None, within(0)] = 2  # a second is often "find m + n" or rhetorical
    multiple_choice: bool = True
    true_false: bool = True
    proofs: bool = True
    non_english: bool = True
    max_foreign_letters: Annotated[float, within(0.0, 1.0)] = 0.05
    figures: tuple[str, ...] = FIGURES
    min_tokens: Annotated[int | None, within(0)] = 6
    max_tokens: Annotated[int | None, within(1)] = 1500
    unsuitable: bool = True
    solution_inside: bool = True
    max_answer_characters: Annotated[int | None, within(0)] = 60
    max_answer_words: Annotated[int | None, within(0)] = 3
    max_answer_commands: Annotated[int | None, within(0)] = 8
    max_answer_parts: Annotated[int | None, within(0)] = 4
    answer_environments: bool = False  # whether answers with an environment (matrix, cases) are dropped


COLUMNS: dict[str, Any] = {
    "statement_tokens": pl.Int64,
    "statement_parts": pl.Int64,
    "statement_asks": pl.Int64,
    "statement_options": pl.Int64,
    "statement_chooses": pl.Boolean,
    "statement_true_false": pl.Boolean,
    "statement_proof": pl.Boolean,
    "statement_language": pl.String,
    "statement_foreign_letters": pl.Float64,
    "statement_figure": pl.String,
    "statement_unsuitable": pl.String,
    "statement_solution": pl.Boolean,
    "statement_label": pl.String,
    "statement_cleaned": pl.String,  # null where there is nothing to clean
    "statement_answer_characters": pl.Int64,
    "statement_answer_words": pl.Int64,
    "statement_answer_commands": pl.Int64,
    "statement_answer_parts": pl.Int64,
    "statement_answer_letters": pl.Int64,
    "statement_answer_environment": pl.String,
}


def of(prompt: str, answer: str | None) -> dict[str, Any]:
    """Every signal of one problem, by column name."""
    text = read(prompt)
    stated = answers.read(answer or "")
    clean = references.cleaned(prompt)
    return {
        "statement_tokens": text.tokens,
        "statement_parts": questions.parts(text),
        "statement_asks": questions.asks(text),
        "statement_options": questions.options(text),
        "statement_chooses": questions.chooses(text),
        "statement_true_false": questions.judges(text, answer),
        "statement_proof": questions.proves(text),
        "statement_language": language.language(text),
        "statement_foreign_letters": language.foreign_letters(text),
        "statement_figure": references.figure(text),
        "statement_unsuitable": language.unsuitable(text),
        "statement_solution": references.gives_away(text, answer),
        "statement_label": references.label(prompt),
        "statement_cleaned": clean if clean != prompt else None,
        "statement_answer_characters": stated.characters,
        "statement_answer_words": stated.words,
        "statement_answer_commands": stated.commands,
        "statement_answer_parts": stated.parts,
        "statement_answer_letters": stated.letters,
        "statement_answer_environment": stated.environment,
    }


def signals(rows: pl.DataFrame, settings: StatementSettings | None = None) -> pl.DataFrame:
    """`id` and the columns of `COLUMNS`, one row for each of `rows` (which has `id`, `prompt`, `answer`), in order."""
    found = [of(prompt, answer) for prompt, answer in zip(rows["prompt"], rows["answer"], strict=True)]
    table = pl.DataFrame(found, schema=COLUMNS)
    return table.insert_column(0, rows["id"])


def decide(table: pl.DataFrame, settings: StatementSettings) -> pl.Series:
    """The reason why each row is dropped, null where it is kept. The first rule that holds names the reason."""
    reason = pl.lit(None, dtype=pl.String)
    for name, rule in reversed(_rules(settings)):
        reason = pl.when(rule).then(pl.lit(name)).otherwise(reason)
    return table.select(reason.alias("reason"))["reason"]


def columns_of_reasons() -> dict[str, tuple[str, ...]]:
    """Reason -> the columns that its rules read."""
    found: dict[str, tuple[str, ...]] = {}
    for name, rule in _rules(StatementSettings(answer_environments=True)):
        found[name] = tuple(dict.fromkeys([*found.get(name, ()), *rule.meta.root_names()]))
    return found


def _rules(settings: StatementSettings) -> list[tuple[str, pl.Expr]]:
    """(reason, what must hold for it) of the rules that are on, in their order."""
    column = pl.col
    choice = (column("statement_options") >= 3) | column("statement_chooses")
    both = (column("statement_asks") >= 2) & (column("statement_answer_parts") >= 2)
    rules: list[tuple[str, pl.Expr | None]] = [
        ("no_answer", column("statement_answer_characters") == 0),
        ("multiple_choice", _when(settings.multiple_choice, choice)),
        ("true_false", _when(settings.true_false, column("statement_true_false"))),
        ("proof", _when(settings.proofs, column("statement_proof"))),
        ("sub_questions", _when(settings.sub_questions, column("statement_parts") >= 2)),
        ("several_questions", _above("statement_asks", settings.max_asks)),
        ("several_questions", _when(settings.sub_questions, both)),
        ("non_english", _when(settings.non_english, ~column("statement_language").is_in(["en", "und"]))),
        ("foreign_letters", column("statement_foreign_letters") > settings.max_foreign_letters),
        ("figure", column("statement_figure").is_in(list(settings.figures))),
        ("solution_inside", _when(settings.solution_inside, column("statement_solution"))),
        ("unsuitable", _when(settings.unsuitable, column("statement_unsuitable") != "")),
        ("too_short", None if settings.min_tokens is None else column("statement_tokens") < settings.min_tokens),
        ("too_long", _above("statement_tokens", settings.max_tokens)),
        ("long_answer", _above("statement_answer_characters", settings.max_answer_characters)),
        ("answer_in_words", _above("statement_answer_words", settings.max_answer_words)),
        ("complex_answer", _above("statement_answer_commands", settings.max_answer_commands)),
        ("several_answers", _above("statement_answer_parts", settings.max_answer_parts)),
        ("answer_environment", _when(settings.answer_environments, column("statement_answer_environment") != "")),
    ]
    return [(name, rule) for name, rule in rules if rule is not None]


def _when(wanted: bool, rule: pl.Expr) -> pl.Expr | None:
    return rule if wanted else None


def _above(name: str, most: int | None) -> pl.Expr | None:
    return None if most is None else pl.col(name) > most
