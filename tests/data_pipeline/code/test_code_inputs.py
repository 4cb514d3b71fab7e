"""Limits read from statements, properties read from examples, shapes of texts, and inputs that keep to all of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from acereason.problems import TestCase, Tests
from data_pipeline.code.arguments import make_inputs
from data_pipeline.code.constraints import flat_powers_in, number_of, read_constraints
from data_pipeline.code.grammar import infer_grammar
from data_pipeline.code.inputs import inputs_for
from data_pipeline.code.model import InputModel, build_model, evaluate
from data_pipeline.code.naming import name_lines

SECTION = "Find it.\n\nConstraints:\n\n"


def bounds(text: str) -> dict[str, tuple[Any, Any]]:
    return {name: (one.low, one.high) for name, one in read_constraints(text).bounds.items()}


@pytest.mark.parametrize(
    ("text", "flat", "value"),
    [("10^5", False, 10**5), ("2 * 10^5", False, 200_000), ("-10^9", False, -(10**9)), ("2^31 - 1", False, 2**31 - 1),
     ("105", True, 10**5), ("105", False, 105), ("-231", True, -(2**31)), ("231 - 1", True, 2**31 - 1),
     ("1000", True, 1000), ("10,000", False, 10_000), ("109 + 7", True, 10**9 + 7), ("n", False, None)],
)  # fmt: skip
def test_numbers(text: str, flat: bool, value: int | None) -> None:
    assert number_of(text, flat) == value


def test_lost_superscripts_are_noticed() -> None:
    assert flat_powers_in(SECTION + "1 <= n <= 105") and flat_powers_in(SECTION + "-231 <= x <= 231 - 1")
    assert not flat_powers_in(SECTION + "1 <= n <= 10^5\nk <= 105") and not flat_powers_in(SECTION + "1 <= n <= 1000")


def test_limits_of_a_section() -> None:
    text = (
        SECTION
        + "- 1 <= n == nums.length <= 105\n- -104 <= nums[i], target <= 104\n- 0 <= ai < bi < n\n- k < nums.length"
    )
    assert bounds(text) == {
        "n": (1, 10**5),
        "nums[i]": (-(10**4), 10**4),
        "target": (-(10**4), 10**4),
        "ai": (0, "bi - 1"),
        "bi": ("ai + 1", "n - 1"),
        "nums.length": ("k + 1", None),
        "k": (None, "nums.length - 1"),
    }
    assert read_constraints(text).equal == [("n", "nums.length")]


def test_limits_in_running_text_and_latex() -> None:
    text = (
        "The first line has $t$ ($1 \\le t \\leq 10^4$). Then $n$ and $k$ (1 ≤ k ≤ n ≤ 2·10^5), a_i (|a_i| is small)."
    )
    assert bounds(text) == {"t": (1, 10**4), "k": (1, "n"), "n": ("k", 200_000)}


def test_what_no_rule_reads_is_kept() -> None:
    found = read_constraints(SECTION + "1 <= n <= 9\nThe graph is planar.\ns consists of lowercase English letters.")
    assert found.unread == ["The graph is planar"] and found.alphabets == {"s": "abcdefghijklmnopqrstuvwxyz"}
    promise = read_constraints("It is guaranteed that the answer exists. n (1 <= n <= 5)")
    assert promise.unread and bounds("n (1 <= n <= 5)") == {"n": (1, 5)}


def test_a_long_line_without_sense_takes_no_time() -> None:
    read_constraints(SECTION + "a" * 5_000 + "\n" + "a, " * 3_000 + "\n" + "1 <= " * 2_000)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("n - 1", 4), ("min(70, nums.length)", 3), ("n * m", None), ("10^n", 10**5), ("n ^ 999999", None), ("n", 5)],
)
def test_limits_are_reckoned_with_known_names_only(limit: str, value: int | None) -> None:
    assert evaluate(limit, {"n": 5, "nums.length": 3}) == value


def model_of(statement: str, names: list[str], kinds: list[str], examples: list[list[Any]]) -> InputModel:
    return build_model(names, kinds, read_constraints(statement), examples, statement)


def test_the_guard_keeps_limits_and_what_examples_share() -> None:
    text = (
        "A sorted array of distinct integers."
        + SECTION
        + "1 <= nums.length <= 5\n0 <= nums[i] <= 50\n1 <= k <= nums.length"
    )
    model = model_of(text, ["nums", "k"], ["list[int]", "int"], [[[1, 2, 9], 2], [[4], 1]])
    assert not model.unread
    assert model.accepts([[0, 50], 1]) and model.accepts([[3, 4, 5, 6, 7], 5])
    for bad in (
        [[2, 1], 1],
        [[1, 1], 1],
        [[1, 51], 1],
        [[], 0],
        [[1, 2], 3],
        [[1, 2, 3, 4, 5, 6], 1],
        [["1"], 1],
        [[1]],
    ):
        assert not model.accepts(bad), bad


def test_rows_have_named_columns() -> None:
    text = SECTION + "1 <= n <= 6\n1 <= edges.length <= 9\nedges[i] == [ai, bi]\n0 <= ai < bi < n"
    model = model_of(text, ["n", "edges"], ["int", "list[list[int]]"], [[4, [[0, 1], [2, 3]]], [3, [[0, 2]]]])
    assert model.accepts([6, [[0, 5]]]) and not model.accepts([6, [[5, 0]]]) and not model.accepts([6, [[0, 6]]])


def test_a_limit_that_few_examples_break_was_misread_and_one_that_few_of_many_break_stands() -> None:
    text = SECTION + "1 <= n <= 10"
    assert model_of(text, ["n"], ["int"], [[5], [50]]).unread
    model = model_of(text, ["n"], ["int"], [[n] for n in range(1, 10)] + [[0]])
    assert model.outside == [9] and not model.unread and not model.accepts([0])


def test_what_is_promised_and_not_understood_stops_generation() -> None:
    cases = (TestCase([[1, 2]], 1), TestCase([[3]], 2))
    tests = Tests("function", cases, "f")
    starter = "def f(a: List[int]) -> int:"
    text = SECTION + "1 <= a.length <= 9\n0 <= a[i] <= 9"
    assert len(inputs_for(text, starter, tests, 20, 400, 1).made) > 10
    found = inputs_for(text + "\nThe array is beautiful", starter, tests, 20, 400, 1)
    assert not found.made and "The array is beautiful" in found.why_not
    other = inputs_for(text, "def f(a: TreeNode) -> int:", tests, 20, 400, 1)
    assert "TreeNode cannot be made" in other.why_not


def test_made_inputs_reach_the_ends_differ_and_depend_on_the_seed_alone() -> None:
    text = SECTION + "1 <= s.length <= 60\ns consists of lowercase English letters\n-5 <= k <= 10^9"
    model = model_of(text, ["s", "k"], ["str", "int"], [["ab", 3], ["c", 4]])
    made = make_inputs(model, 60, 500, 7)
    given = [one.given for one in made]
    assert given == [one.given for one in make_inputs(model, 60, 500, 7)]
    assert given != [one.given for one in make_inputs(model, 60, 500, 8)]
    assert all(model.accepts(one) for one in given) and len({str(one) for one in given}) == len(given)
    assert {one.how for one in made} == {"least", "edge", "small", "medium", "large", "changed"}
    assert min(k for _, k in given) == -5 and max(k for _, k in given) == 10**9
    assert min(len(s) for s, _ in given) == 1 and max(len(s) for s, _ in given) == 60


@pytest.mark.parametrize("seed", range(8))
def test_every_end_of_every_limit_is_tried_whatever_the_seed(seed: int) -> None:
    text = SECTION + "1 <= k <= n <= 10^5\n-100 <= x <= 100\n1 <= a.length <= 40\n-10^9 <= a[i] <= 10^9"
    names, kinds = ["k", "n", "x", "a"], ["int", "int", "int", "list[int]"]
    model = model_of(text, names, kinds, [[3, 8, 0, [1, 2]], [2, 5, 7, [-5]], [1, 9, -4, [6, 6, 0]]])
    edges = [one.given for one in make_inputs(model, 30, 4000, seed) if one.how in ("least", "edge")]
    assert [1, 1, -100, [-(10**9)]] in edges  # the least of all
    assert any(one[:3] == [10**5, 10**5, 100] and set(one[3]) == {10**9} for one in edges)  # the greatest of all
    assert any(set(one[3]) == {10**9} and len(one[3]) == 40 for one in edges)
    mixed = [one for one in edges if (one[2] == 100) != (set(one[3]) == {10**9}) and abs(one[2]) == 100]
    assert len(mixed) >= 2


def test_ends_of_distinct_numbers_of_floats_and_of_what_hangs_on_the_rest() -> None:
    text = SECTION + "2 <= a.length <= 4\n0 <= a[i] <= 50\nAll the integers in a are unique\n0.5 <= x <= 9"
    model = model_of(text, ["a", "x"], ["list[int]", "float"], [[[4, 7], 1.5], [[9, 2, 3], 2.25]])
    edges = [one.given for one in make_inputs(model, 30, 400, 1) if one.how == "edge"]
    assert any(sorted(a) == list(range(len(a))) for a, _ in edges) and any(50 in a and 49 in a for a, _ in edges)


def test_trees_are_made_as_trees() -> None:
    text = SECTION + "1 <= n <= 30\nedges.length == n - 1\nedges represents a valid tree"
    examples = [[4, [[0, 1], [1, 2], [1, 3]]], [3, [[0, 1], [0, 2]]]]
    model = model_of(text, ["n", "edges"], ["int", "list[list[int]]"], examples)
    assert not model.unread
    for one in make_inputs(model, 20, 2000, 1):
        n, edges = one.given
        reached = {0}
        for _ in range(n):
            reached |= {x for edge in edges if set(edge) & reached for x in edge}
        assert len(edges) == n - 1 and reached == set(range(n))


def text_of(rng: random.Random, blocks: int, build: Any) -> str:
    return f"{blocks}\n" + "".join(build(rng) for _ in range(blocks))


def test_the_shape_of_texts_is_found_and_written_back() -> None:
    rng = random.Random(3)

    def block(rng: random.Random) -> str:
        n, m = rng.randint(1, 4), rng.randint(1, 3)
        rows = "".join(f"{rng.randint(1, 9)} {rng.randint(1, 9)}\n" for _ in range(m))
        return f"{n} {m}\n{' '.join(str(rng.randint(0, 9)) for _ in range(n))}\n{rows}"

    texts = [text_of(rng, 4, block) for _ in range(3)]
    found = infer_grammar(texts, "")
    assert found is not None
    grammar, blocks = found
    assert grammar.repeated and list(grammar.kinds) == ["int", "int", "list[int]", "list[list[int]]"]
    assert len(blocks) == 12
    assert {grammar.text(blocks[at : at + 4]) for at in (0, 4, 8)} == set(texts)


def test_names_of_the_statement_bring_their_limits() -> None:
    statement = (
        "Sum.\n\nInput\n\nThe first line contains a single integer n (1 <= n <= 50).\n\n"
        "The second line contains n integers "
        "a_1, a_2, ..., a_n (0 <= a_i <= 9).\n\nOutput\n\nThe sum.\n"
    )
    cases = tuple(TestCase(text, "0") for text in ("2\n1 2\n", "3\n1 1 1\n", "1\n5\n"))
    found = inputs_for(statement, None, Tests("stdin", cases), 30, 400, 1)
    lengths = []
    for text in found.made:
        first, second = text.splitlines()
        numbers = [int(token) for token in second.split()]
        assert int(first) == len(numbers) <= 50 and all(0 <= number <= 9 for number in numbers)
        lengths.append(len(numbers))
    assert max(lengths) > 20 and len(found.made) > 20


def described(*lines: str) -> str:
    return "Do it.\n\nInput\n\n" + "\n\n".join(lines) + "\n\nOutput\n\nThe result.\n"


N_LINE = "The first line of each test case contains a single integer $n$ ($1 \\le n \\le 50$)."
A_LINE = "The second line of each test case contains $n$ integers $a_1, a_2, \\ldots, a_n$ ($0 \\le a_i \\le 9$)."
BLOCKS = [("scalars", 1), ("list", 0)]
COUNT = "The first line contains a single integer ${}$ — the number of {}."


@pytest.mark.parametrize(
    ("lines", "shape", "repeated", "names"),
    [
        (["The only line contains two integers $a$ and $b$ ($1 \\le a, b \\le 9$)."], [("scalars", 2)], False, "a b"),
        (["Two integers a and b (1 <= a <= b <= 9)."], [("scalars", 2)], False, "a b"),
        (["An integer n, a string in lower case."], [("scalars", 1)], False, "n"),
        (["Four integers $x_1, y_1, x_2, y_2$."], [("scalars", 4)], False, "x_1 y_1 x_2 y_2"),
        (["The first line contains the number of test cases $t$.", N_LINE, A_LINE], BLOCKS, True, "n a"),
        ([COUNT.format("t", "cats"), N_LINE, A_LINE], BLOCKS, True, "n a"),
        ([COUNT.format("k", "test cases"), N_LINE, A_LINE], BLOCKS, True, "n a"),
        # The count is called otherwise, and nothing says that it is one: no name is given.
        ([COUNT.format("k", "rabbits"), N_LINE, A_LINE], BLOCKS, True, "_1 _2"),
        ([N_LINE, A_LINE, "It is guaranteed that the sum of the values $n$ is small."], BLOCKS, True, "n a"),
        ([N_LINE, "The second line contains integers $b_1, \\ldots, b_n$.", A_LINE], BLOCKS, True, "_1 _2"),
        ([N_LINE, A_LINE.replace(".", " — the elements of the array $a$.")], BLOCKS, True, "n a"),
        ([COUNT.format("n", "games"), "Each line has integers $p_i$ and $w_i$."], [("scalars", 2)], True, "p_i w_i"),
        (["An integer n. The line contains the string consisting of letters."], [("scalars", 1)], False, "n"),
    ],
)  # fmt: skip
def test_names_are_those_of_the_lines_or_none(
    lines: list[str], shape: list[tuple[str, int]], repeated: bool, names: str
) -> None:
    assert list(name_lines(shape, repeated, described(*lines)).arguments) == names.split()


def test_rows_have_the_names_and_the_limits_of_their_columns() -> None:
    statement = described(
        "The first line contains an integer $m$ ($2 \\le m \\le 6$).",
        "Each of the next $m$ lines contains integers $u_i$ and $v_i$ ($1 \\le u_i \\le 40$, $50 \\le v_i \\le 90$).",
    )
    cases = tuple(TestCase(text, "0") for text in ("2\n1 51\n2 50\n", "3\n4 60\n5 60\n4 61\n", "2\n9 59\n3 52\n"))
    made = inputs_for(statement, None, Tests("stdin", cases), 30, 400, 1).made
    rows = [tuple(map(int, line.split())) for text in made for line in text.splitlines()[1:]]
    assert {1, 40} <= {u for u, _ in rows} and {50, 90} <= {v for _, v in rows}
    assert all(1 <= u <= 40 and 50 <= v <= 90 for u, v in rows)


def test_two_letters_bring_their_limits_whatever_they_are() -> None:
    for one, two in (("a", "b"), ("n", "m")):
        statement = described(f"Two integers ${one}$ and ${two}$ ($1 \\le {one}, {two} \\le 1000$).")
        cases = tuple(TestCase(text, "0") for text in ("1 2\n", "5 4\n", "10 20\n"))
        made = inputs_for(statement, None, Tests("stdin", cases), 30, 400, 1).made
        assert {"1 1\n", "1000 1000\n", "1 1000\n", "1000 1\n"} <= set(made)


def test_texts_without_a_shape_give_no_inputs() -> None:
    cases = tuple(TestCase(text, "0") for text in ("a\n\nb b\n", "3\n1 1\n", "x y z\n1\n1\n1\n", "1 2\n"))
    assert inputs_for("p", None, Tests("stdin", cases), 30, 400, 1).why_not == "no grammar fits all its inputs"


def test_a_text_is_repeated_as_often_as_is_allowed() -> None:
    for line in ("The first line contains the number of test cases $t$ ({}).", "One integer $t$ ({}), the count."):
        statement = described(line.format("$2 \\le t \\le 3$"), N_LINE, A_LINE)
        cases = tuple(
            TestCase(text, "0") for text in ("2\n1\n4\n2\n5 1\n", "2\n2\n1 2\n1\n0\n", "3\n1\n2\n1\n3\n1\n8\n")
        )
        made = inputs_for(statement, None, Tests("stdin", cases), 30, 400, 1).made
        assert made and {int(text.splitlines()[0]) for text in made} == {2, 3}


def test_a_promise_that_is_no_range_binds_changed_examples_too() -> None:
    """`!= 0` beside limits, and one of a few values: neither is broken by a random nor by a changed input."""
    for line, cases, allowed in (
        ("-3 <= a[i] <= 3\n\na[i] != 0", [[1, -2], [3, 2, -1]], {-3, -2, -1, 1, 2, 3}),
        ("a[i] is either 5, 10, or 20.", [[5, 10, 20], [5, 5, 10]], {5, 10, 20}),
    ):
        statement = f"Say what becomes of a.\n\nConstraints:\n\n1 <= a.length <= 30\n\n{line}\n"
        tests = Tests("function", cases=tuple(TestCase([case], 0) for case in cases), entry_point="f")
        found = inputs_for(statement, "def f(a: List[int]) -> int:", tests, 60, 4000, 3)
        assert len(found.made) > 15, found.why_not
        assert {number for (numbers,) in found.made for number in numbers} <= allowed
