"""Each signal of a mathematical statement, with examples on both sides of it; then the policy, and real problems."""

from __future__ import annotations

import dataclasses
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.math import statement
from data_pipeline.math.statement import StatementSettings, decide, of, signals
from data_pipeline.math.text import LONGEST, read
from tests.shared_data import SHARED

FINE = "Let $a$ and $b$ be positive integers with $ab = 12$. Find the largest value of $a + b$."


def reason(prompt: str, answer: str = "7", settings: StatementSettings = StatementSettings()) -> str | None:  # noqa: B008
    rows = pl.DataFrame({"id": ["x"], "prompt": [prompt], "answer": [answer]})
    return decide(signals(rows), settings)[0]


def test_an_ordinary_problem_has_nothing_against_it() -> None:
    assert reason(FINE) is None
    found = of(FINE, "13")
    assert (
        found["statement_language"] == "en" and found["statement_figure"] == "" and found["statement_cleaned"] is None
    )


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("Let $f(x) = x^2$. (a) Find $f(3)$. (b) Determine all $x$ with $f(x) = 9$.", 2),
        ("A box holds 5 balls.\n1) How many ways are there to take two?\n2) What is the chance that both are red?", 2),
        ("Consider $n$ lines.\n(i) Describe where they meet.\n(ii) Find the points.\n(iii) Compute the area.", 3),
        ("Part A: Find $x$. Part B: Find $y$ when $x = 2$.", 2),
        ("\\begin{enumerate}\\item Compute $2^5$. \\item Evaluate $3^4$. \\end{enumerate}", 2),
        ("What is the least $n$ such that\na) when divided by 2 it leaves 1;\nb) when divided by 3 it leaves 2?", 0),
        ("A function satisfies (i) $f(0)=1$ and (ii) $f(x+y)=f(x)f(y)$. Find $f(2)$.", 0),
        ("In part (b) of a contest there were 12 problems. How many were there in part (a)?", 0),
    ],
)  # fmt: skip
def test_parts_that_ask_are_counted(prompt: str, count: int) -> None:
    assert of(prompt, "7")["statement_parts"] == count
    assert (reason(prompt) == "sub_questions") == (count >= 2)


def test_several_questions_need_several_answers_or_more_than_two() -> None:
    two = "The sum of two numbers is 9 and their product 20. What is the larger one? What is the smaller one?"
    assert of(two, "5, 4")["statement_asks"] == 2 and reason(two, "5, 4") == "several_questions"
    assert reason(two, "5") is None  # one of them is rhetorical, as far as the answer tells
    assert reason("The probability is $m/n$ in lowest terms. What is the chance? Find $m+n$.", "7") is None
    assert reason("What is $x$? What is $y$? What is $z$?", "7") == "several_questions"


@pytest.mark.parametrize(
    "prompt",
    [
        "The area is\n$\\textbf{(A)}\\ 72\\qquad \\textbf{(B)}\\ 75\\qquad \\textbf{(C)}\\ 80$",
        "How many primes are below 20?\nA. 6\nB. 7\nC. 8\nD. 9",
        "The curve $r = 2$ is a (A) Line (B) Circle (C) Parabola (D) Ellipse",
        "Which of the following numbers is prime: 51, 57, 59?",
        "Select all correct statements about $n$.",
    ],
)
def test_multiple_choice(prompt: str) -> None:
    assert reason(prompt) == "multiple_choice"


@pytest.mark.parametrize(
    "prompt",
    [
        "A teacher writes 35 multiple-choice questions and 15 others. How many does she write in all?",
        "Triangle with vertices A, B and C has sides 3, 4, 5. Find its area.",
        "She can choose the first option at \\$50 or the second at \\$90. How much does she save?",
    ],
)
def test_no_multiple_choice(prompt: str) -> None:
    assert reason(prompt) is None


def test_options_inside_a_drawing_are_labels_of_points() -> None:
    drawing = '[asy] label("A) ",(0,0)); label("B) ",(1,0)); label("C) ",(1,1)); draw((0,0)--(1,1)); [/asy]'
    assert of(f"Find the area. {drawing}", "7")["statement_options"] == 0


@pytest.mark.parametrize(
    ("prompt", "answer", "judged"),
    [
        ("True or false: every prime above 2 is odd.", "True", True),
        ("Determine whether the following statement holds for all $n$: $n^2 \\ge n$.", "Yes", True),
        ("Is it possible to cover the board with dominoes?", "\\text{No}", True),
        ("For how many $n < 100$ is it true that $n^2$ ends in 6?", "20", False),
        ("There are twice as many choice problems as true/false ones, 18 in all. How many are of each?", "6", False),
    ],
)
def test_true_or_false(prompt: str, answer: str, judged: bool) -> None:
    assert of(prompt, answer)["statement_true_false"] == judged


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Prove that $\\sqrt{2}$ is irrational.", True),
        ("Let $n$ be odd. Show that $n^2 - 1$ is divisible by 8.", True),
        ("Given a triangle, prove or disprove that its medians meet.", True),
        ("Find all $n$ and prove your answer.", True),
        ("It can be shown that the sum is rational. Find it.", False),
        ("A study showed that 3 of 10 people own a car. How many of 200 do?", False),
        ("On a game show $5$ doors are numbered. How many orders are there?", False),
    ],
)
def test_proofs(prompt: str, wanted: bool) -> None:
    assert of(prompt, "7")["statement_proof"] == wanted


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Halla todos los números enteros $n$ para los que el producto es un cuadrado.", "es"),
        ("Soit $n$ un entier. Déterminer le nombre de diviseurs qui sont pairs dans cette liste.", "fr"),
        ("Bestimme alle natürlichen Zahlen, für die das Produkt eine Quadratzahl ist.", "de"),
        ("求所有正整数使得乘积是完全平方数，并说明理由。", "other"),
        ("Найдите все натуральные числа, для которых произведение является квадратом.", "other"),
        ("Find all natural numbers for which the product is a square.", "en"),
        ("Let Erdős and Pólya have $n$ apples each; how many do they have in all?", "en"),
        ("Compute $2+2$.", "und"),
    ],
)
def test_language(prompt: str, language: str) -> None:
    assert of(prompt, "7")["statement_language"] == language
    assert (reason(prompt) == "non_english") == (language not in ("en", "und"))


@pytest.mark.parametrize(
    ("prompt", "figure"),
    [
        ("As shown in the figure, triangle $ABC$ is cut into six. Find its area.", "missing"),
        ("What is the area of the shaded region pictured?", "missing"),
        ("The graph of $y = f(x)$ is shown below. How many roots are there?", "missing"),
        ("Find $x$. ![](https://example.org/a.png)", "image"),
        ("Find $x$ in the diagram. [asy] draw((0,0)--(1,1)); [/asy]", "drawing"),
        ("The data are shown below:\n\\begin{tabular}{cc} 1 & 2 \\end{tabular}\nFind the mean.", ""),
        (
            "The sheet is folded so that $A$ lies on the diagonal as shown, and two areas are equal. Find them.",
            "missing",
        ),
        ("Let $a$ be the number of holes in the graph, drawn on graph paper with 1 cm squares.", ""),
        ("She needs 2 pencils to sign the pictures. On the pictures there are 9 names. How many in all?", ""),
        ("Round 3.14159 to three significant figures.", ""),
        ("Using the two figure, three figure and four figure numbers, make 9999. How many do you need?", ""),
        ("How many squares are there on a $4 \\times 4$ grid?", ""),
        ("The graph of $y = x^2$ is shifted up by 3. Find its least value.", ""),
    ],
)
def test_figures(prompt: str, figure: str) -> None:
    assert of(prompt, "7")["statement_figure"] == figure


@pytest.mark.parametrize(
    ("prompt", "given"),
    [
        ("Find $x$ if $2x = 6$.\n\nSolution: dividing by 2 gives $x = 3$.", True),
        ("Find $x$ if $2x = 6$. Dividing by two, $\\boxed{3}$", True),
        ("Find $x$ if $2x = 6$. So the answer is 3.", True),
        ("A solution of salt holds 5 grams. How much water is in it?", False),
        ("Find the number of solutions. Give your answer as a fraction.", False),
    ],
)
def test_a_solution_inside_the_statement(prompt: str, given: bool) -> None:
    assert of(prompt, "3")["statement_solution"] == given


@pytest.mark.parametrize(
    ("prompt", "clean"),
    [
        ("Problem 4.1: Find $x$ if $2x = 6$.", "Find $x$ if $2x = 6$."),
        ("**Exercise 12.** (5 points) Find $x$ if $2x = 6$.", "Find $x$ if $2x = 6$."),
        ("3. Find $x$ if $2x = 6$.", "Find $x$ if $2x = 6$."),
        ("[2014 AMC 10] Find $x$ if $2x = 6$. [7 marks]", "Find $x$ if $2x = 6$."),
        ("Find $x$ if $2x = 6$. ~someone ~another", "Find $x$ if $2x = 6$."),
        ("3.5 litres of water fill a pot. How many fill two?", None),
        ("Problems come in threes. How many come in 4 rounds?", None),
        ("2014 is the sum of how many odd numbers?", None),
    ],
)
def test_what_stands_in_front_is_cleaned(prompt: str, clean: str | None) -> None:
    assert of(prompt, "3")["statement_cleaned"] == clean


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("12", None),
        ("\\frac{3}{4}", None),
        ("x^2 + 2x + 1", None),
        ("(3, -1)", None),
        ("1,000,000", None),
        ("", "no_answer"),
        ("1, 2, 3, 5, 8, 13", "several_answers"),
        ("the triangle is equilateral or right-angled", "answer_in_words"),
        ("\\begin{pmatrix} \\frac{5}{6} & \\frac{1}{3} & -\\frac{1}{6} \\\\ 0 & 1 & 2 \\end{pmatrix}", "long_answer"),
        ("\\forall\\alpha\\in\\Psi\\exists\\beta\\leq\\chi\\cup\\mu\\neq\\nu", "complex_answer"),
    ],
)  # fmt: skip
def test_long_and_complex_answers(answer: str, why: str | None) -> None:
    assert reason(FINE, answer) == why


def test_brief_and_unsuitable_statements() -> None:
    assert reason("Find $\\sin 0$.") == "too_short"
    assert reason("Two thirds of the corpses were found. How many of the 12 murdered men are missing?") == "unsuitable"
    assert reason("Find the number of ways to kill time with 5 games in 3 days.") is None
    assert reason("word " * 2000 + FINE) == "too_long"


def test_every_limit_can_be_turned_off() -> None:
    off = StatementSettings(
        sub_questions=False, max_asks=None, multiple_choice=False, true_false=False, proofs=False, non_english=False,
        max_foreign_letters=1.0, figures=(), min_tokens=None, max_tokens=None, unsuitable=False, solution_inside=False,
        max_answer_characters=None, max_answer_words=None, max_answer_commands=None, max_answer_parts=None,
    )  # fmt: skip
    assert {field.name for field in dataclasses.fields(off)} - {"answer_environments"} == {
        name for name in vars(off) if name != "answer_environments"
    }
    for prompt in ("Prove that $2>1$.", "Which of the following is 3?", "求所有正整数", "Find $1$.", "![](a.png)"):
        assert reason(prompt, "x, y, z, u, v, w", off) is None
    matrix = "\\begin{pmatrix} 1 & 2 \\end{pmatrix}"
    assert reason(FINE, matrix) is None
    assert reason(FINE, matrix, dataclasses.replace(off, answer_environments=True)) == "answer_environment"


def test_prices_are_no_formulas() -> None:
    text = read("A pen costs $15 an hour and another $20, so $x$ pens and $200 < n^2 < 900$ others cost \\$5.")
    assert text.formulas == ("$x$", "$200 < n^2 < 900$")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="aAbB ()[]{}$\\.?:;,\n1i*~#textbfasy/é中", max_size=300), st.none() | st.text(max_size=40))
def test_no_text_raises_and_cleaning_ends(prompt: str, answer: str | None) -> None:
    found = of(prompt, answer)
    assert found.keys() == statement.COLUMNS.keys()
    clean = found["statement_cleaned"]
    assert clean is None or len(clean) <= len(prompt)


def test_every_reason_has_the_columns_that_it_comes_from() -> None:
    found = statement.columns_of_reasons()
    assert {name for columns in found.values() for name in columns} <= set(statement.COLUMNS)
    assert found["multiple_choice"] == ("statement_options", "statement_chooses")
    assert found["several_questions"] == ("statement_asks", "statement_answer_parts")
    assert found["answer_environment"] == ("statement_answer_environment",)
    assert all(found.values())


@pytest.mark.parametrize(
    "bait", ["(a) ", "$", "[asy]", "\\begin{align}", "shown in the ", "( ", "the ", "\\textbf{", "~a "]
)
def test_hostile_repetition_is_read_to_its_limit(bait: str) -> None:
    """What is read of a statement is bounded, so that patterns that look far ahead cost no more than that."""
    assert 0 <= of(bait * (2_000_000 // len(bait)), "7")["statement_tokens"] <= LONGEST


def test_real_problems() -> None:
    """MATH and AIME are curated sets in English: what is flagged there is a figure, a choice, or nearly nothing."""
    folder = SHARED / "math"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data")
    sets = {
        "math": [
            (row["problem"], row["answer"]) for row in json.loads((folder / "math_train.json").read_text())[:1500]
        ],
        "aime": [(row["problem"], row["answer"]) for row in json.loads((folder / "aime_1983_2023.json").read_text())],
    }
    for name, pairs in sets.items():
        rows = pl.DataFrame({"id": [f"{name}{i}" for i in range(len(pairs))], "prompt": [p for p, _ in pairs],
                             "answer": [str(a) for _, a in pairs]})  # fmt: skip
        table = signals(rows).with_columns(rows["prompt"])
        reasons = decide(table, StatementSettings())
        assert reasons.drop_nulls().is_in(["non_english", "proof", "true_false", "unsuitable"]).sum() == 0
        drawn = table["prompt"].str.contains("[asy]", literal=True)
        assert (table.filter(drawn)["statement_figure"] == "drawing").all()
        assert reasons.is_null().mean() > 0.8
