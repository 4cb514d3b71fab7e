"""The client against a real server: lies, breaks, limits and kills; every answer is paid for once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acereason.endpoint.limits import Rate
from acereason.endpoint.reply import retry_after
from acereason.errors import ConfigError, RunError
from data_pipeline.teacher.asking import asks_of
from data_pipeline.teacher.client import ask
from data_pipeline.teacher.ledger import Ledger
from data_pipeline.teacher.records import ANSWER, Record
from data_pipeline.teacher.teach import Taught, teach
from tests.data_pipeline.teacher.endpoint import Answer, completion, serving, sound
from tests.data_pipeline.teacher.teachers import problems, teacher

JSON = {"Content-Type": "application/json"}


def all_records(folder: Path) -> list[Record]:
    ledger = Ledger(folder / "ledger")
    return [record for shard in range(ledger.shards) for record in ledger.records(shard)]


def outcomes(folder: Path) -> list[str]:
    return sorted(record.outcome for record in all_records(folder))


def test_every_attempt_is_asked_once_with_its_own_seed_and_a_second_call_asks_nothing(tmp_path: Path) -> None:
    with serving(lambda body, number: sound(body)) as server:
        config = teacher(tmp_path, server.url, attempts=3)
        first = teach(problems(7), config)
        second = teach(problems(7), config)
        assert (first.outcomes[ANSWER], first.missing) == (21, 0)
        assert (second.known.answered, second.outcomes.total()) == (21, 0)
        assert set(server.requests.values()) == {1} and len(server.requests) == 21
    records = all_records(tmp_path)
    assert len({record.seed for record in records}) == len({record.key for record in records}) == 21
    assert {(record.tokens, record.prompt_tokens, record.model) for record in records} == {(11, 7, "m")}
    more = teach(problems(9, start=2), teacher(tmp_path, "http://127.0.0.1:9/v1", attempts=2, retries=0))
    assert more.known.answered == 10, "more problems and fewer attempts, in another order, find the same answers"


def test_as_many_requests_are_under_way_as_configured_and_no_more(tmp_path: Path) -> None:
    """The server answers nobody before four ask at once."""
    four = threading.Barrier(4, timeout=30)

    def behave(body: dict[str, Any], number: int) -> Answer:
        four.wait()
        return sound(body)

    with serving(behave) as server:
        assert teach(problems(12), teacher(tmp_path, server.url, attempts=1, request_s=60.0)).missing == 0
        assert server.most_open == 4


def test_an_answer_belongs_to_its_settings_and_its_wording(tmp_path: Path) -> None:
    with serving(lambda body, number: sound(body)) as server:
        first = teach(problems(2), teacher(tmp_path, server.url))
        other = teach(problems(2), teacher(tmp_path, server.url, prompt="r1"))
        assert first.settings != other.settings and other.outcomes[ANSWER] == 4
        reworded = problems(2).with_columns(prompt="Say: " + problems(2)["prompt"])
        again = teach(reworded, teacher(tmp_path, server.url))
        assert (again.known.reworded, again.outcomes[ANSWER], again.settings) == (4, 4, first.settings)
        assert teach(reworded, teacher(tmp_path, server.url)).known.answered == 4


LIES: list[tuple[str, Callable[[dict[str, Any]], Answer], str]] = [
    ("another model", lambda b: sound(b, model="cheap"), "wrong_model"),
    ("no model", lambda b: sound(b, **{"model": None}), "wrong_model"),
    ("no choices", lambda b: sound(b, choices=[]), "malformed"),
    ("choices of a kind", lambda b: sound(b, choices=[{"message": "hello", "finish_reason": "stop"}]), "malformed"),
    ("content of a kind", lambda b: sound(b, choices=[{"message": {"content": [1]}, "finish_reason": "stop"}]),
     "malformed"),
    ("no finish", lambda b: sound(b, choices=[{"message": {"content": "x"}, "finish_reason": None}]), "malformed"),
    ("truncated JSON", lambda b: Answer(json.dumps(completion("m", "x")).encode()[:-20]), "malformed"),
    ("deep JSON", lambda b: Answer(b"[" * 200_000), "malformed"),
    ("an error with 200", lambda b: Answer(json.dumps({"error": {"message": "no"}}).encode()), "malformed"),
    ("a web page", lambda b: Answer(b"<html>sign in</html>", headers={"Content-Type": "text/html"}), "malformed"),
    ("nothing", lambda b: Answer(b""), "malformed"),
    ("no text", lambda b: sound(b, " ", usage={}), "empty"),
    ("text kept back", lambda b: sound(b, "", usage={"completion_tokens": 60}), "empty"),
    ("another model's empty text", lambda b: sound(b, "", model="cheap"), "wrong_model"),
    ("more tokens than asked for", lambda b: sound(b, usage={"completion_tokens": 99_999}), "malformed"),
    ("its own length limit", lambda b: sound(
        b, choices=[{"message": {"content": "x"}, "finish_reason": "length"}]), "cut_short"),
    ("a filter", lambda b: sound(b, choices=[{"message": {"content": "x"}, "finish_reason": "content_filter"}]),
     "refused"),
    ("a refusal", lambda b: sound(
        b, choices=[{"message": {"content": None, "refusal": "I cannot"}, "finish_reason": "stop"}]), "refused"),
    ("a huge body", lambda b: Answer(b"{" + b" " * 2_000_000), "too_large"),
    ("a huge body without an end", lambda b: Answer(_endless(b" " * 65536), headers=JSON), "too_large"),
    ("a body that never ends", lambda b: Answer(_endless(b" ", 0.05), headers=JSON), "timeout"),
    ("a broken connection", lambda b: Answer(None), "connection"),
    ("a bad request", lambda b: Answer(b'{"error": "too long"}', 400), "rejected"),
    ("an unfinished body", lambda b: Answer(iter([b"{"]), headers={**JSON, "Content-Length": "5000"}), "connection"),
]  # fmt: skip


def _endless(piece: bytes, every_s: float = 0.0) -> Iterator[bytes]:
    while True:
        yield piece
        time.sleep(every_s)


@pytest.mark.parametrize(("lie", "expected"), [(lie, kind) for _, lie, kind in LIES], ids=[name for name, *_ in LIES])
def test_a_lie_is_a_failure_and_never_an_answer_and_is_asked_again(
    tmp_path: Path, lie: Callable[[dict[str, Any]], Answer], expected: str
) -> None:
    """Another request of the same call is answered all the same, and the next call asks for what failed."""
    honest = threading.Event()

    def behave(body: dict[str, Any], number: int) -> Answer:
        fine = honest.is_set() or "What is 0+2?" not in body["messages"][-1]["content"]
        return sound(body) if fine else lie(dict(body))

    with serving(behave) as server:
        patience = 0.8 if expected == "timeout" else 60.0
        config = teacher(tmp_path, server.url, attempts=1, retries=1, request_s=patience, max_body_mb=1.0)
        found = teach(problems(2), config)
        assert (found.outcomes[expected], found.outcomes[ANSWER], found.missing) == (1, 1, 1), all_records(tmp_path)
        failed = next(record for record in all_records(tmp_path) if record.outcome != ANSWER)
        assert failed.text is None and failed.detail
        assert failed.tries == (2 if expected in ("timeout", "connection") else 1)
        honest.set()
        assert teach(problems(2), config).outcomes == {ANSWER: 1}
        assert teach(problems(2), config).outcomes == {}


def test_thinking_that_the_server_took_out_is_put_back(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], number: int) -> Answer:
        message = {"content": "\\boxed{4}", "reasoning_content": "2+2"}
        return sound(body, choices=[{"message": message, "finish_reason": "stop"}])

    with serving(behave) as server:
        teach(problems(1), teacher(tmp_path, server.url, attempts=1))
    assert all_records(tmp_path)[0].text == "2+2</think>\\boxed{4}"


def test_a_length_that_was_asked_for_is_an_answer_that_was_cut(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 64}
    cut = [{"message": {"content": "and so"}, "finish_reason": "length"}]
    with serving(lambda body, number: sound(body, choices=cut, usage=usage)) as server:
        assert teach(problems(1), teacher(tmp_path, server.url, attempts=1)).outcomes == {ANSWER: 1}
    assert all_records(tmp_path)[0].finish_reason == "length"


def test_a_model_that_ends_at_once_has_answered_unless_it_is_all_that_the_endpoint_gives(tmp_path: Path) -> None:
    """One empty text of five, with its tokens counted, is an attempt; an endpoint with nothing else is not believed."""
    with serving(lambda body, number: sound(body, "" if number == 3 else "x")) as server:
        found = teach(problems(5), teacher(tmp_path, server.url, attempts=1, concurrency=1))
        assert (found.outcomes, found.missing) == ({ANSWER: 5}, 0)
    assert sorted(record.text or "" for record in all_records(tmp_path)) == ["", "x", "x", "x", "x"]
    with serving(lambda body, number: sound(body, "")) as server:
        with pytest.raises(RunError, match="4 requests in a row failed; the last: empty"):
            teach(problems(50, 5), teacher(tmp_path, server.url, attempts=1, stop_after=4, concurrency=1))


def test_a_busy_endpoint_is_waited_for_as_it_asks(tmp_path: Path) -> None:
    """429 with Retry-After twice, then 503, then answers: one record, four tries, and no request before its time."""

    def behave(body: dict[str, Any], number: int) -> Answer:
        if number <= 2:
            return Answer(b"{}", 429, {**JSON, "Retry-After": "0.4"})
        return Answer(b"{}", 503) if number == 3 else sound(body)

    with serving(behave) as server:
        found = teach(problems(1), teacher(tmp_path, server.url, attempts=1))
        gaps = [later - earlier for earlier, later in zip(server.at, server.at[1:], strict=False)]
    assert found.outcomes == {ANSWER: 1} and all_records(tmp_path)[0].tries == 4
    assert min(gaps[:2]) >= 0.39


def test_a_rate_of_requests_is_kept(tmp_path: Path) -> None:
    """240 a minute with a burst of one second: four go at once, four more in the second after."""
    with serving(lambda body, number: sound(body)) as server:
        teach(problems(8), teacher(tmp_path, server.url, attempts=1, concurrency=8, requests_per_minute=240.0))
        assert server.at[-1] - server.at[0] >= 0.9 * (8 - 4) / 4.0


def test_a_rate_of_tokens_counts_what_came_and_not_what_was_expected() -> None:
    """600 a minute, ten at once. A wait is settled by what was used, and time gives back no more than the burst."""
    now = 0.0
    rate = Rate(600.0, burst_s=1.0, clock=lambda: now)
    assert rate.wait_s(10.0) == 0.0
    assert rate.wait_s(20.0) == pytest.approx(2.0)
    rate.settle(-15.0)  # of the 20 only 5 were used
    assert rate.wait_s(0.0) == pytest.approx(0.5)
    now = 100.0
    assert (rate.wait_s(10.0), rate.wait_s(1.0)) == (0.0, pytest.approx(0.1))
    assert Rate(None).wait_s(1e9) == 0.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.1, 40.0)), max_size=40))
def test_a_rate_lets_no_more_pass_than_it_says(steps: list[tuple[float, float]]) -> None:
    """Whatever is asked for and when: what may be used by any moment is at most the burst and the rate's share."""
    now = 0.0
    rate, uses = Rate(60.0, burst_s=5.0, clock=lambda: now), []
    for passed, units in steps:
        now += passed
        uses.append((now + rate.wait_s(units), units))
    for at, _ in uses:
        assert sum(units for when, units in uses if when <= at) <= 5.0 + at * 1.0 + 1e-6


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Fri, 20 Nov 2026 20:00:30 GMT", 30.0), ("soon", None), ("nan", None),
     (None, None), ("inf", None), ("Fri, 99 Nov 2026 20:00:30 GMT", None)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: float | None) -> None:
    at = datetime(2026, 11, 20, 20, 0, 0, tzinfo=UTC).timestamp()
    assert retry_after(value, at) == expected


def test_a_key_is_sent_and_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-very-secret-1234567890"
    monkeypatch.setenv("TEACHER_KEY", key)
    with serving(lambda body, number: Answer(f'{{"error": "bad key {key}"}}'.encode(), 401)) as server:
        config = teacher(tmp_path, server.url, api_key_env="TEACHER_KEY")
        with pytest.raises(RunError, match="takes no request of ours: HTTP 401") as refused:
            teach(problems(50), config)
        assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {key}"}
        assert server.requests.total() <= 2 * 4, "the first refusals end it"
    assert key not in str(refused.value)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not any(key.encode() in path.read_bytes() for path in files)
    monkeypatch.delenv("TEACHER_KEY")
    with pytest.raises(ConfigError, match="TEACHER_KEY: this environment variable is not set"):
        teach(problems(1), config)


def test_an_unreachable_endpoint_ends_the_call_and_costs_no_attempt(tmp_path: Path) -> None:
    config = teacher(tmp_path, "http://127.0.0.1:9/v1", attempts=4, retries=1, stop_after=6)
    with pytest.raises(RunError, match="6 requests in a row failed; the last: connection: ConnectError"):
        teach(problems(50), config)
    assert set(outcomes(tmp_path)) == {"connection"} and len(outcomes(tmp_path)) < 12
    with serving(lambda body, number: sound(body)) as server:
        assert teach(problems(50), teacher(tmp_path, server.url, attempts=4)).missing == 0


def test_what_the_model_declines_again_and_again_is_given_up(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], number: int) -> Answer:
        if "What is 0+2?" not in body["messages"][-1]["content"]:
            return sound(body)
        return sound(body, choices=[{"message": {"content": ""}, "finish_reason": "content_filter"}])

    with serving(behave) as server:
        config = teacher(tmp_path, server.url, attempts=1, give_up_after=2)
        for _ in range(4):
            last = teach(problems(2), config)
        assert last.known.given_up == 1 and last.missing == 1
        assert server.requests.total() == 1 + 2


def test_the_pilot_predicts_and_the_budget_refuses(tmp_path: Path) -> None:
    """20 problems x 2: the pilot of 5 problems takes 10 answers of 11 and 7 tokens; 30 attempts are left."""
    with serving(lambda body, number: sound(body)) as server:
        prices: dict[str, Any] = {"price_in": 1000.0, "price_out": 2000.0, "attempts": 2, "pilot": 5}
        each = (7 * 1000 + 11 * 2000) / 1e6
        with pytest.raises(ConfigError, match="30 attempts are left: about 330 .* 210 prompt tokens, cost 0.87"):
            teach(problems(20), teacher(tmp_path, server.url, budget=39 * each, **prices))
        assert server.requests.total() == 10
        found = teach(problems(20), teacher(tmp_path, server.url, budget=40.01 * each, **prices))
        assert server.requests.total() == 40, "the pilot's answers are kept"
        assert found.missing == 0 and found.cost == pytest.approx(40 * each)


def test_a_budget_that_the_answers_pass_ends_asking(tmp_path: Path) -> None:
    """The pilot's answers are short, the others ten times as long: what is under way may still come in, no more."""

    def behave(body: dict[str, Any], number: int) -> Answer:
        return sound(body, usage={"prompt_tokens": 0, "completion_tokens": 10 if number <= 2 else 60})

    with serving(behave) as server:
        config = teacher(tmp_path, server.url, attempts=1, pilot=2, price_out=1e6, budget=700.0)
        with pytest.raises(RunError, match=r"teacher.budget=700 is used up"):
            teach(problems(40), config)
        # 2 x 10 + n x 60 > 700 from n = 12 on, and three more may have been under way
        assert 14 <= server.requests.total() <= 14 + 3


def test_nothing_is_asked_where_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    def full(record: Record) -> None:
        raise RunError("no space")

    with serving(lambda body, number: sound(body)) as server:
        config = teacher(tmp_path, server.url)
        with pytest.raises(RunError, match="no space"):
            ask(asks_of(problems(50), config, "s"), config, full)
        assert server.requests.total() <= 4


CLIENT = """
import sys
from pathlib import Path
from data_pipeline.teacher.teach import teach
from tests.data_pipeline.teacher.teachers import problems, teacher
print(teach(problems(int(sys.argv[3])), teacher(Path(sys.argv[1]), sys.argv[2], attempts=4, concurrency=8)).missing)
"""


def test_kill_at_random_moments_pays_for_nothing_twice(tmp_path: Path) -> None:
    """Requests sent = answers kept + those that were under way at a kill, at most 8 each time."""
    rng, count = random.Random(7), 60

    def behave(body: dict[str, Any], number: int) -> Answer:
        time.sleep(0.02 + 0.02 * (number % 3))
        return sound(body)

    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", CLIENT, str(tmp_path), server.url, str(count)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()})

    def kept() -> int:
        return len(all_records(tmp_path)) if (tmp_path / "ledger" / "ledger.json").exists() else 0

    with serving(behave) as server:
        lost_before = 0
        for _ in range(3):
            before, child = server.requests.total(), start()
            wanted = before + rng.randrange(5, 60)
            deadline = time.monotonic() + 60
            while server.requests.total() < wanted:
                assert time.monotonic() < deadline, "the client sent nothing for 60 s"
                time.sleep(0.001)
            os.kill(child.pid, signal.SIGKILL)
            child.communicate()
            while server.open:
                time.sleep(0.01)
            lost = server.requests.total() - kept()
            assert lost_before <= lost <= lost_before + 8
            lost_before = lost
        output, _ = start().communicate(timeout=300)
        assert output.strip() == b"0"
        assert kept() == 4 * count == len({record.key for record in all_records(tmp_path)})
        assert server.requests.total() == kept() + lost_before
        assert server.requests.total() - len(server.requests) == lost_before


def test_the_summary_says_what_is_left(tmp_path: Path) -> None:
    with serving(lambda body, number: Answer(b"", 500) if number == 1 else sound(body)) as server:
        found: Taught = teach(problems(3), teacher(tmp_path, server.url, attempts=1, retries=0, concurrency=1))
    assert str(found) == (
        "3 attempts: 0 were answered before, 2 now; failed now: 1 server; "
        "1 without an answer; the same command asks again"
    )
