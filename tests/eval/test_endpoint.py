"""`acereason eval engine=endpoint` against a server that lies, breaks and refuses, and against vLLM's own server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acereason import cli
from acereason.endpoint.reply import Reply, of_body
from acereason.evaluation.draws import sample_seed
from eval.remarks import seeds_without_effect
from eval.result_file import read_result
from eval.samples import Sample
from tests.data_pipeline.teacher.endpoint import Answer, completion, serving, sound
from tests.end_to_end import command
from tests.shared_data import SHARED, TOKENIZER, needs_shared
from tests.vllm_server import serving_random

SEEDS = (121, 131, 141, 151, 161, 171, 181, 191)
WORDS = ["benchmark=aime24", "benchmark.limit=3", "samples=4", "engine=endpoint", "engine.model=m", "out=there"]
QUICK = ["engine.backoff_s=0.01", "engine.retries=2", "verifier.workers=1"]


def samples_in(folder: Path) -> list[dict[str, Any]]:
    path = folder / "there" / "samples.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def words_for(url: str, *more: str) -> list[str]:
    path = f"benchmark.path={SHARED / 'benchmarks' / 'aime24.jsonl'}"
    return ["eval", *WORDS, *QUICK, path, f"engine.url={url}", *more]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_shared
def test_what_is_asked_is_what_our_engines_are_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[dict[str, Any]] = []

    def behave(body: dict[str, Any], number: int) -> Answer:
        asked.append(body)
        text = "so</think>\\boxed{73}" if number % 2 else "so</think>\\boxed{74}"
        return sound(body, text, usage={"completion_tokens": 9, "prompt_tokens": 3})

    with serving(behave) as server:
        assert cli.main(words_for(server.url, "engine.concurrency=1")) == 0
        assert cli.main(words_for(server.url)) == 0  # nothing is missing any more
    assert "12 of 12 samples are in" in capsys.readouterr().out
    assert len(asked) == 12 and len({body["seed"] for body in asked}) == 12
    first = asked[0]
    assert first["seed"] == sample_seed(SEEDS, 8, "aime24-0", 0)
    assert (first["temperature"], first["top_p"], first["max_tokens"], first["model"]) == (0.6, 0.95, 32768, "m")
    (message,) = first["messages"]
    assert message["role"] == "user" and message["content"].endswith("within \\boxed{}.")
    result = read_result(here / "there" / "aime24.json")
    assert (result.model, result.k) == ("m", 4)
    # pass by pass over three problems: the odd requests are the first and third of one pass, the second of the next
    assert [sample.correct for sample in result.samples["aime24-0"]] == [True, False, True, False]
    assert [sample.correct for sample in result.samples["aime24-1"]] == [False] * 4  # 73 is not its answer
    assert {row["tokens"] for row in samples_in(here)} == {9}


@needs_shared
def test_failures_are_counted_retried_and_never_judged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of twelve samples: eight sound ones, and one of each kind of failure, of which only the passing one is mended."""
    ways: dict[int, list[Answer]] = {}

    def behave(body: dict[str, Any], number: int) -> Answer:
        place = [sample_seed(SEEDS, 8, f"aime24-{p}", n) for n in range(4) for p in range(3)].index(body["seed"])
        tried = ways.setdefault(place, [])
        tried.append(sound(body))
        if place == 0:
            return Answer(b"busy", status=429, headers={"Retry-After": "0"}) if len(tried) == 1 else sound(body)
        if place == 1:
            return Answer(None)  # hangs up, each time
        if place == 2:
            return Answer(b"<html>\\boxed{73}</html>", headers={"Content-Type": "text/html"})
        if place == 3:
            return sound(body, "so</think>\\boxed{116}", model="another")
        if place == 4:
            return sound(body, "</think>\\boxed{116}", choices=[{"message": {"content": 4}, "finish_reason": "stop"}])
        if place == 5:
            return sound(body, "")  # the model ended at once: a response without an answer
        return sound(body)

    with serving(behave) as server:
        assert cli.main(words_for(server.url)) == 1
        said = capsys.readouterr().err
        assert "4 of 12 samples have no response" in said and "engine.max_failed_share=0.02" in said
        assert "1 x wrong_model (the endpoint answers as 'another'" in said
        assert not (here / "there" / "aime24.json").exists() and len(samples_in(here)) == 8
        assert len(ways[0]) == 2 and len(ways[1]) == 3 and len(ways[2]) == 1
        assert cli.main(words_for(server.url, "engine.max_failed_share=0.5")) == 0
    assert "They are in no figure; the same command asks for them again" in capsys.readouterr().out
    assert len(ways[6]) == 1, "what was answered is not asked for again"
    raw = json.loads((here / "there" / "aime24.json").read_text())
    assert (raw["summary"]["failed_requests"], raw["summary"]["infra_errors"], raw["summary"]["samples"]) == (4, 0, 8)
    result = read_result(here / "there" / "aime24.json")
    assert sum(sample.correct is None for rows in result.samples.values() for sample in rows) == 4
    assert [row["text"] for row in samples_in(here)].count("") == 1
    assert raw["summary"]["avg_at_k"] == 0.0  # the server says 4 to everything


@needs_shared
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["engine.model=null"], 2, "engine.model=null: an endpoint needs it"),
        (["engine.url=localhost:1"], 2, "engine.url=localhost:1: must begin with http:// or https://"),
        (["engine.api=responses"], 2, "engine.api=responses: allowed: chat, completions"),
        (["engine.api_key_env=NO_SUCH_KEY"], 2, "engine.api_key_env=NO_SUCH_KEY: this environment variable is not set"),
        (["engine.url=http://127.0.0.1:9/v1", "engine.stop_after=2"], 1, "2 requests in a row failed; the last: conn"),
    ],
)
def test_wrong_calls(words: list[str], code: int, said: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words_for("http://127.0.0.1:9/v1", *words)) == code
    assert said in capsys.readouterr().err


@needs_shared
def test_a_key_that_is_refused_ends_it_and_is_not_shown(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THE_KEY", "s3cret")
    with serving(lambda body, number: Answer(b'{"error": "bad key s3cret"}', status=401)) as server:
        assert cli.main(words_for(server.url, "engine.api_key_env=THE_KEY", "engine.concurrency=1")) == 1
        assert server.requests.total() == 1 and server.headers[0]["Authorization"] == "Bearer s3cret"
    said = capsys.readouterr().err
    assert "takes no request of ours" in said and "s3cret" not in said


def answer(**changes: Any) -> Reply:
    """What becomes of a chat completion by `m` to a request for at most 64 tokens."""
    tokens = changes.pop("tokens", 11)
    content = json.dumps(completion("m", changes.pop("said", "x"), usage={"completion_tokens": tokens}, **changes))
    return of_body("application/json", content.encode(), ("m",), 64)


def test_an_empty_answer_of_another_model_is_another_models() -> None:
    assert answer(said="", model="cheap").outcome == "wrong_model"
    cut = [{"message": {"content": "x"}, "finish_reason": "length"}]
    assert answer(choices=cut).outcome == "cut_short"
    assert answer(choices=cut, model="cheap").outcome == "wrong_model"


def test_more_tokens_than_were_asked_for_are_no_answer() -> None:
    assert answer(tokens=64 + 8).outcome == "answer"
    reply = answer(tokens=64 + 9)
    assert reply.outcome == "malformed" and "counts 73 tokens of a response where max_tokens=64" in str(reply.detail)


def test_text_that_is_kept_back_is_not_the_models_empty_answer() -> None:
    ended = answer(said="", tokens=2)
    assert (ended.outcome, ended.finish_reason) == ("empty", "stop")
    kept = answer(said="", tokens=60)
    assert (kept.outcome, kept.finish_reason) == ("empty", None)
    assert "no text, though 60 tokens are counted: the endpoint keeps text back" in str(kept.detail)
    assert answer(said="\n" * 50, tokens=60).finish_reason == "stop"  # the model wrote them


@needs_shared
def test_answers_that_are_kept_back_are_counted_as_failures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def behave(body: dict[str, Any], number: int) -> Answer:
        return sound(body, "", usage={"completion_tokens": 800})

    with serving(behave) as server:
        assert cli.main(words_for(server.url)) == 1
    assert "12 x empty (the message has no text, though 800 tokens are counted" in capsys.readouterr().err


@needs_shared
def test_seeds_without_effect_and_another_server_are_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda body, number: sound(body)) as first, serving(lambda body, number: sound(body)) as second:
        assert cli.main(words_for(first.url, "samples=2")) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "warning: of 3 of 3 problems all samples are the same text, although temperature is 0.6" in said
        assert "were answered by" not in said
        assert cli.main(words_for(second.url.replace("//", "//me:s3cret@"))) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert f"6 of 12 samples were answered by {first.url}; give another out= to ask anew" in said
        assert {row["url"] for row in samples_in(here)} == {first.url, second.url}
        urls = read_result(here / "there" / "aime24.json").settings["urls"]
        assert urls == sorted([first.url, second.url])
        assert "s3cret" not in (here / "there" / "samples.jsonl").read_text()


def test_seeds_are_said_to_be_without_effect_only_where_they_should_have_one() -> None:
    def drawn(problem: str, *texts: str) -> list[Sample]:
        return [Sample("h", "b", problem, n, 100 + n, "stop", 1, text) for n, text in enumerate(texts)]

    same = [sample for name in "pqr" for sample in drawn(name, "x", "x")]
    assert len(list(seeds_without_effect(same, 0.6))) == 1
    assert not list(seeds_without_effect(same, 0.0))
    assert not list(seeds_without_effect(same[2:], 0.6))  # of two problems
    assert not list(seeds_without_effect([*same[2:], *drawn("p", "x", "y")], 0.6))
    assert not list(seeds_without_effect([sample for sample in same if sample.sample == 0], 0.6))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The url of a vLLM server of a random small model with the R1-Distill tokenizer."""
    with serving_random(tmp_path_factory.mktemp("served"), "m", TOKENIZER, context=2048) as url:
        yield url


@needs_shared
@pytest.mark.slow
def test_a_real_server_is_asked_and_seeds_reproduce(served: str, tmp_path: Path) -> None:
    path = f"benchmark.path={SHARED / 'benchmarks' / 'aime24.jsonl'}"
    words = [*WORDS, path, f"engine.url={served}", "protocol.max_tokens=24", "samples=2", "verifier.workers=1"]
    command.run("eval", *words, cwd=tmp_path)
    rows = samples_in(tmp_path)
    assert len(rows) == 6 and {row["finish_reason"] for row in rows} <= {"length", "stop"}
    assert {row["tokens"] for row in rows} == {24}
    kept = rows[:2]
    (tmp_path / "there" / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    printed = command.run("eval", *words, cwd=tmp_path)
    assert "2 of 6 samples are in" in printed and "4 are to be sampled" in printed
    by_key = {(row["problem"], row["sample"]): row["text"] for row in rows}
    again = {(row["problem"], row["sample"]): row["text"] for row in samples_in(tmp_path)}
    assert again.keys() == by_key.keys()
    assert sum(again[key] == by_key[key] for key in again) >= 5  # other company may turn a token (docs/evaluation.md)
    tokens = ["engine.api=completions", "model=random_small", f"model.tokenizer={TOKENIZER}", "out=tokens"]
    command.run("eval", *words, *tokens, cwd=tmp_path)
    result = read_result(tmp_path / "tokens" / "aime24.json")
    assert sum(map(len, result.samples.values())) == 6
