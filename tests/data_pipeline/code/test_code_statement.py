"""Signals of statements, addresses and repeats, each with what it finds and what it must not find."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from data_pipeline.code import repeats, statement
from data_pipeline.code.policies import DatePolicyConfig, by_date, by_reference
from data_pipeline.code.statement import StatementPolicyConfig
from data_pipeline.code.urls import canonical_url


def of(prompt: str, starter: str | None = None, **metadata: Any) -> dict[str, Any]:
    found = statement.of(prompt, starter, {}, metadata, None)
    return {name.removeprefix("codestatement_"): value for name, value in found.items()}


@pytest.mark.parametrize(
    "prompt",
    [
        "This is an interactive problem. Guess the number.",
        "Remember to flush the output after each line.",
        "You can ask at most $10$ queries to find it.",
        "The interactor will answer with one integer.",
    ],
)
def test_interactive(prompt: str) -> None:
    assert of(prompt)["interactive"]


@pytest.mark.parametrize("prompt", ["Two players interact in a game.", "You are given q queries of two kinds."])
def test_not_interactive(prompt: str) -> None:
    assert of(prompt)["interactive"] is None


@pytest.mark.parametrize(
    "prompt",
    [
        "If there are multiple answers, print any.",
        "If there are several possible answers, you may output any of them.",
        "Return any valid permutation.",
        "If multiple solutions exist, you can output any of those.",
        "Any correct answer will be accepted.",
        # cracking-the-safe, split-array-into-fibonacci-sequence, advantage-shuffle, sort-array-by-parity-ii,
        # three-equal-parts, longest-duplicate-substring, circular-permutation-in-binary-representation
        "Return any string of minimum length that will unlock the safe at some point of entering it.",
        "Return any Fibonacci-like sequence split from num, or return [] if it cannot be done.",
        "Return any permutation of nums1 that maximizes its advantage with respect to nums2.",
        "Return any answer array that satisfies this condition.",
        "If it is possible, return any [i, j] with i + 1 < j, such that:",
        "Return any duplicated\u00a0substring that has the longest possible length.",
        "Your task is return any permutation p\u00a0of (0,1,2.....,2^n -1) such that :",
        "Given a matrix, find any peak element mat[i][j] and return the array [i,j].",
        "Output one line containing any permutation of length n such that q maximizes the score.",
        "Any answer which has the same highest similarity as the best answer will be accepted.",
    ],
)
def test_several_answers(prompt: str) -> None:
    assert of(prompt)["several_answers"]


@pytest.mark.parametrize(
    "prompt",
    [
        "In one move you can choose any index and add 1 to it.",
        "You may print YES and NO in any case (upper or lower).",
        "If there is no answer, print -1. Print the answer modulo 998244353.",
        "Does any subset of these sum to k?",
        "Return the maximum sum of any subarray that has k elements.",
        "Return true if any value of the array appears twice.",
        "If you cannot find any path that leads out, print -1.",
        "Print any number of spaces that you like between the words.",
        "Any answer with a calculation error less than 10-5 will be accepted.",
        "Find the smallest missing element of any such array and return it.",
        "Any sequence of periods that does not match the rules above is a name.",
        "If it is not possible with any amount of tricks, print -1.",
    ],
)
def test_one_answer(prompt: str) -> None:
    assert of(prompt)["several_answers"] is None and not of(prompt)["any_order"]


def test_a_checker_says_that_there_are_several() -> None:
    assert of("Print a permutation.", checker=True)["several_answers"] == "brings a checker"
    assert of("Print a permutation.", checker=False)["several_answers"] is None


def test_any_order_of_the_answer_but_not_of_the_input() -> None:
    assert (
        of("Return the pairs in any order.")["any_order"] and of("You may return the answer in any order.")["any_order"]
    )
    assert of("Return the k strongest values. return the answer in any arbitrary order.")["any_order"]
    assert of("Notice that the order of the output and the order of the triplets does not matter.")["any_order"]
    assert of("The order that the days are returned in does not matter.")["any_order"]
    for near in (
        "The cards come in any order.",
        "Return the largest multiple of three that can be formed by concatenating some of the digits in any order.",
        "The order of the bags and the order of the candies within each bag do not matter.",
        "We get the deck in the order [17,13] (this order does not matter), and reorder it.",
    ):
        assert not of(near)["any_order"], near


def test_images_matter_where_the_text_leans_on_them() -> None:
    assert of("The board looks as shown in the figure below.\n![](a.png)\nExample\n1")["image_needed"]
    assert of("Look: <image>\nFind the area.\n\nInput\n\n1")["image_needed"]
    explained = of("Sum two numbers.\n\nInput\n\n1 2\n\nNote\n\n<image>")
    assert explained["images"] == 1 and not explained["image_needed"]
    assert not of("The picture below is famous. Sum two numbers.")["image_needed"]  # none came with the text


@pytest.mark.parametrize(
    "prompt",
    [
        "The value of <image> modulo 7 is asked.",
        "Each tile has one of these shapes:\n\n<image>\n\nCount the tilings.",
        "The possible movements of chess knight are shown in this diagram:\nReturn how many numbers it can dial.",
        "We have a chess knight and a phone pad as shown below, the knight can only stand on a numeric cell.",
        "You have a keyboard layout as shown above in the X-Y plane.",
        "There are ten seats in each row, labelled from 1 to 10 as shown in the figure above.",
        "The mapping of digits to letters is shown in the figure below.",
    ],
)
def test_a_figure_that_is_a_part_of_what_is_said_is_needed_also_where_it_was_lost(prompt: str) -> None:
    assert of(prompt)["image_needed"]


@pytest.mark.parametrize(
    "prompt",
    [
        "Below you can find an example of the box, with two ticks.\n\n<image>\n\nYou are given a field.",
        "Here are some examples of staircases:\n\n<image>\n\nInitially all cells are free.",
        "The card is removed.\n\n<image> Example of how card is removed\n\nThey repeat this process.",
        "Some candles are lit.\n\n<image>\n\nInitially, the candle lights are described by a string a.",
        "A clock has the numbers 1 to 12, as shown below.\n\n![](a.png)\n\nIn this example, the strings intersect.",
        "Edges connect neighbouring sides of the cube.\n\n<image>| <image>\n---|---\nA picture of Rubik's cube.",
        "For example, consider this layout:\n\n![](a.png)\n\nThere are 3 regions in it:\n\n![](b.png)\n\nCount them.",
        "The numbers are in the order of a search.\n\n![](a.png)\n\nThe tree in this picture satisfies the condition.",
        "You can find examples for good lines in the figure below:\n\nReturn true if the move is legal.",
        "For example, in the below diagram the diagonal is highlighted.",
        "Type with one row of the keyboard like the image below. The first row consists of qwertyuiop.",
        "You are given an image represented by a grid of integers image. Return the image after the fill.",
    ],
)
def test_a_figure_that_shows_an_example_is_not(prompt: str) -> None:
    assert not of(prompt)["image_needed"]


def test_templates_of_a_platform() -> None:
    header = "class Solution:\n    def f(self, root: Optional[TreeNode], k: int) -> List[str]:"
    assert of("p", header)["template"] == "TreeNode"
    assert of("p", "class LRUCache:\n    def get(self, key: int) -> int:")["template"] == "class LRUCache"
    assert of("The API read4 is already defined for you.", None)["template"] == "an interface of the platform"
    assert (
        of("p", "# class TreeNode: pass\nclass Solution:\n    def f(self, a: List[List[int]]) -> float:")["template"]
        is None
    )
    assert of("p", "def f(a: 'TreeNode') -> None:\n")["template"] == "TreeNode"


def test_named_files() -> None:
    assert of("Read the input file friday.in and write.")["files"] and of("p", files=["a.in", None])["files"]
    assert not of("Read from standard input. Files are sorted.", files=[None, None])["files"]


def test_the_policy_names_the_first_rule_that_holds() -> None:
    prompts = [
        "This is an interactive problem. " * 4,
        "If there are multiple answers, print any. " * 3,
        "Short.",
        "a " * 60,
    ]
    rows = pl.DataFrame(
        {"id": list("abcd"), "prompt": prompts, "starter_code": [None] * 4, "tests": ["{}"] * 4,
         "metadata": ["{}"] * 4, "url": [None] * 4},
        schema_overrides={"starter_code": pl.String, "url": pl.String},
    )  # fmt: skip
    every = StatementPolicyConfig(True, True, True, True, True, True, 80)
    none = StatementPolicyConfig(False, False, False, False, False, False, 0)
    found = statement.signals(rows)
    assert found.columns == ["id", *statement.COLUMNS]
    assert statement.decide(found, every).to_list() == ["interactive", "several_answers", "too_short", None]
    assert statement.decide(found, none).to_list() == [None] * 4


@pytest.mark.parametrize(
    ("urls", "canonical"),
    [
        (
            ("https://codeforces.com/contest/1575/problem/B", "http://www.codeforces.com/problemset/problem/1575/b/",
             "m1.codeforces.com/contest/1575/problem/B?locale=ru"),
            "codeforces.com/problem/1575/b",
        ),
        (
            ("https://leetcode.com/problems/two-sum/description/", "leetcode.cn/problems/two-sum",
             "https://leetcode.com/contest/weekly-contest-1/problems/two-sum/"),
            "leetcode.com/problems/two-sum",
        ),
        (("https://atcoder.jp/contests/abc001/tasks/abc001_1", "http://abc001.contest.atcoder.jp/tasks/abc001_1"),
         "atcoder.jp/abc001_1"),
        (("http://judge.u-aizu.ac.jp/onlinejudge/description.jsp?id=0001",), "onlinejudge.u-aizu.ac.jp/0001"),
        (("https://www.codechef.com/START1/problems/ABC", "codechef.com/problems/abc"), "codechef.com/problems/abc"),
        (("https://Example.org//a/b/?utm_source=x#top",), "example.org/a/b"),
        ((None, "", "  ", "nowhere"), None),
    ],
)  # fmt: skip
def test_one_form_for_every_spelling_of_an_address(urls: tuple[str | None, ...], canonical: str | None) -> None:
    assert {canonical_url(url) for url in urls} == {canonical}


def test_different_problems_keep_different_addresses() -> None:
    urls = [f"https://codeforces.com/contest/{contest}/problem/{index}" for contest in (1, 2) for index in "AB"]
    assert len({canonical_url(url) for url in [*urls, "https://codeforces.com/gym/1/problem/C"]}) == 5


def test_repeats_point_at_the_first() -> None:
    text = "Given an array of integers, return the sum of all of its elements."
    rows = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "prompt": [
                text,
                text.replace("array", "**array**") + "\n\nExample 1:\n\n1 2",
                "Another one " * 9,
                "Third " * 9,
            ],
            "url": [None, None, "https://leetcode.com/problems/x/", "leetcode.cn/problems/x"],
        }
    )
    found = repeats.signals(rows)
    assert found["repeats_statement_of"].to_list() == [None, "a", None, None]
    assert found["repeats_url_of"].to_list() == [None, None, None, "c"]
    assert repeats.decide(found).to_list() == [None, "same_statement", None, "same_url"]


def test_parts_of_a_problem_that_differ_in_their_limits_are_no_repeats() -> None:
    text = "Return the longest part of nums whose sum is at most k." * 2
    shown = "\n\nExample 1:\n\nInput: {}\n\nConstraints:\n\n1 <= n <= {}"
    keys = [
        repeats.statement_key(text + shown.format(example, most)) for example, most in ((1, 50), (2, 50), (1, 10**5))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_dates_and_references() -> None:
    table = pl.DataFrame({"release_date": ["2024-07-31", "2024-08-01", "2024-08-01T12:00", None, "soon"]})
    assert by_date(table, DatePolicyConfig("2024-08-01", "keep")).to_list() == [
        None,
        "too_recent",
        "too_recent",
        None,
        None,
    ]
    assert by_date(table, DatePolicyConfig("2024-08-01", "drop")).to_list()[3:] == ["no_date", "no_date"]
    assert by_date(table, DatePolicyConfig(None, "drop")).to_list() == [None] * 5
    tests = [json.dumps({"kind": "stdin", "cases": cases}) for cases in ([], [{"input": "1", "output": "2"}])]
    rows = pl.DataFrame({"reference_solutions": [["p"], [], ["p"]], "tests": [tests[0], tests[1], tests[1]]})
    assert by_reference(rows).to_list() == ["no_tests", "no_reference", None]
