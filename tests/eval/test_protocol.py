"""Seeds, samples and answer rules of the papers' protocols."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acereason.config.compose import compose_eval
from acereason.evaluation.draws import pass_seed, sample_seed
from acereason.problems import Problem, Tests
from acereason.tokenizer import load_tokenizer
from eval.benchmarks import Benchmark
from eval.protocol import (
    answer_in,
    fingerprint,
    hash_of,
    keys_of,
    samples_of,
    seeds_of,
    settings_of,
)

MATH = Problem("p", "math", "1 + 1", "here", answer="2")
CODE = Problem("q", "code", "add", "here", tests=Tests("assert", script="assert add(1, 1) == 2"))


@pytest.mark.parametrize(
    ("protocol", "benchmark", "first", "last"),
    [
        ("acereason_1_0", "aime24", 121, 198),  # 8 base seeds, each on 8 GPUs: 121..128, ..., 191..198
        ("acereason_1_0", "aime25", 111, 895),
        ("acereason_1_0_14b", "aime24", 111, 895),
        ("acereason_1_1", "aime24", 100, 807),
        ("acereason_1_1", "aime25", 100, 807),
    ],
)
def test_the_passes_have_the_seeds_of_the_released_toolkit(
    protocol: str, benchmark: str, first: int, last: int
) -> None:
    config = compose_eval([f"protocol={protocol}", f"benchmark={benchmark}"])[0]
    bases, k = seeds_of(config.protocol, benchmark), samples_of(config)
    assert (len(bases), k) == (8, 64)
    passes = [pass_seed(bases, config.protocol.gpus, sample) for sample in range(k)]
    assert sorted(passes) == sorted(base + gpu for base in bases for gpu in range(8))
    assert (min(passes), max(passes), passes[:8]) == (first, last, list(bases))
    assert len({sample_seed(bases, 8, "p", sample) for sample in range(k)}) == k


def test_the_papers_settings() -> None:
    for name, prompt in (("acereason_1_0", "r1"), ("acereason_1_0_14b", "r1"), ("acereason_1_1", "qwen")):
        config = compose_eval([f"protocol={name}", "benchmark=math500"])[0]
        protocol = config.protocol
        assert (protocol.temperature, protocol.top_p, protocol.max_tokens) == (0.6, 0.95, 32768)
        assert (protocol.prompt, samples_of(config)) == (prompt, 4)
    assert samples_of(replace(config, samples=3)) == 3


def test_the_hash_stands_for_all_that_a_sample_depends_on() -> None:
    tokenizer = load_tokenizer("tiny")
    benchmark = Benchmark("aime24", (MATH,), "abc")

    def hashed(*words: str, content: str = "abc") -> str:
        config = compose_eval(["benchmark=aime24", *words])[0]
        weights = fingerprint(config.model, config.seed)
        return hash_of(settings_of(config, replace(benchmark, content_hash=content), weights, tokenizer))

    same = hashed()
    for word in ("samples=3", "benchmark.limit=2", "out=there", "verifier.workers=1", "cluster.engine.max_num_seqs=2"):
        assert hashed(word) == same
    others = {
        hashed(word)
        for word in (
            "seed=2", "protocol.temperature=0.7", "protocol.top_p=0.9", "protocol.max_tokens=9", "protocol.prompt=qwen",
            "protocol.seeds_by_benchmark.aime24=[1]", "protocol.gpus=1", "model.init_std=0.01", "model.rope_theta=1e6",
        )
    }  # fmt: skip
    assert len(others) == 9 and same not in others
    assert hashed(content="abd") != same
    assert [key.request_id for key in keys_of(benchmark, 2)] == ["aime24/p/0", "aime24/p/1"]


def test_training_looks_behind_the_thinking_and_the_toolkit_anywhere() -> None:
    thinking, done = r"so \boxed{1}, no, \boxed{2}", r"so \boxed{1}</think> it is \boxed{2}"
    assert answer_in("after_thinking", MATH, thinking, False) is None
    assert answer_in("last_box", MATH, thinking, False) == "2"
    assert answer_in("after_thinking", MATH, done, False) == answer_in("last_box", MATH, done, False) == "2"
    assert answer_in("after_thinking", MATH, done, True) is None  # a response that was cut has no answer
    assert answer_in("last_box", MATH, done, True) == "2"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"first **1**, then **2** and \[3\]", "2"),
        (r"\[1\] and \[x = 3\] is \(4\)", "x = 3"),
        (r"the answer is \(4\)", "4"),
        (r"**1** but \boxed{5}", "5"),
        ("nothing", None),
        (r"\boxed{}", None),
    ],
)
def test_the_toolkit_falls_back_where_there_is_no_box(text: str, answer: str | None) -> None:
    assert answer_in("last_box", MATH, text, False) == answer


def test_training_looks_for_programs_behind_the_thinking_and_the_other_rule_anywhere() -> None:
    program = "</think>```python\nx = 1\n```"
    assert answer_in("after_thinking", CODE, program, False) == answer_in("last_box", CODE, program, True) == "x = 1\n"
    assert answer_in("after_thinking", CODE, program, True) is None
    for text in ("```python\nx = 1\n```", "```python\nx = 2\n```, no, ```python\nx = 1\n```</think> as said"):
        assert answer_in("after_thinking", CODE, text, False) is None
        assert answer_in("last_box", CODE, text, False) == "x = 1\n"


@pytest.mark.parametrize(
    ("text", "form", "program"),
    [
        ("    return 1\n", "continues", "def f():\n    return 1\n"),
        ("    return 1\n", "fenced", None),
        ("    return 1\n", "program", "    return 1\n"),
        ("so:\n```\nx = 1\n```\n", "continues", "x = 1\n"),  # a fence without a language
        ("```c\nint x;\n```\nand\n```text\n1\n```", "continues", None),
        ("```c\nint x;\n```\nbut\n```\nx = 1\n```", "fenced", "x = 1\n"),
        ("```\nx = 2\n```\n```python\nx = 1\n```\n```\nprinted\n```", "program", "x = 1\n"),
        ("```python\nx = 1\n", "continues", None),  # never closed: cut
        ("so:\r\n```\r\nx = 1\r\n```\r\n", "fenced", "x = 1\r\n"),
        ("so:\r\n``` \r\nx = 1\r\n\t```", "program", "x = 1\r\n"),
        ('"""\n```python\ny\n```\n"""\nx = "\\d"\n', "program", '"""\n```python\ny\n```\n"""\nx = "\\d"\n'),
        ('"""\n```python\ny\n```\n"""\nx = 1\n', "fenced", "y\n"),  # a response, in which a fence is the program
        ("    return 1  # as ``` has it\n", "continues", "def f():\n    return 1  # as ``` has it\n"),
        ("    return 1  # as ``` has it\n", "fenced", None),
        ("```python\nx = 1\n```\n", "program", "x = 1\n"),
        ("-" * 99_999 + "\n```\nx = 1\n```", "program", "x = 1\n"),
        ("x" + "+1" * 50_000 + "  # ```\n```\nx = 1\n```", "program", "x = 1\n"),
        ("x = 1 # ``` \0\n```\nx = 1\n```", "program", "x = 1\n"),
        ("x = '\ud800'\n```\nx = 1\n```", "program", "x = 1\n"),
        (" ", "program", None),
    ],
)
def test_programs_of_other_forms(text: str, form: str, program: str | None) -> None:
    problem = replace(CODE, starter_code="def f():")
    assert answer_in("last_box", problem, text, False, form) == program
    assert answer_in("after_thinking", problem, text, False, form) is None
