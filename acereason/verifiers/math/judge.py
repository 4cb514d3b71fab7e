"""The math verdict: exact tiers in this process, the symbolic tier in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections import OrderedDict

from acereason.problems import Verdict
from acereason.verifiers.math.exact import compare_exact
from acereason.verifiers.math.extract import extract_answer
from acereason.verifiers.processes import (
    ProcessGone,
    end,
    library_paths,
    packet_pair,
    receive_packet,
    send_packet,
    start_python,
)

START_S = 120.0  # for the symbolic server to import math-verify on a busy machine
GRACE_S = 30.0  # for the server to report, beyond the deadline that it keeps itself
CACHE_ENTRIES = 20_000


def judge_exact(gold: str, answer: str | None) -> Verdict | None:
    """The verdict where extraction or exact comparison decides; None: ask the symbolic tier."""
    if answer is None:
        return Verdict("no_answer", detail="no balanced, non-empty box of at most 1,000 characters after </think>")
    equal = compare_exact(gold, answer)
    if equal is None:
        return None
    return Verdict("correct" if equal else "wrong", detail="exact")


class SymbolicTier:
    """A symbolic server: started in the background, killed and replaced when it fails, its verdicts cached."""

    def __init__(self, timeout_s: float, libraries: list[str] | None = None) -> None:
        self.timeout_s = timeout_s
        self._libraries = library_paths() if libraries is None else libraries
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._ready = False
        self._cache: OrderedDict[tuple[str, str], Verdict] = OrderedDict()

    def start(self) -> None:
        """Starts the server without waiting until it is ready."""
        if self._process is None:
            self._channel, theirs = packet_pair()
            self._process = start_python("acereason.verifiers.math.server", {}, theirs, self._libraries)
            self._ready = False
            theirs.close()

    def judge(self, gold: str, answer: str) -> Verdict:
        """The verdict on `answer`; `infra_error` only if the server itself failed twice."""
        started = time.monotonic()
        key = (gold, answer)
        known = self._cache.get(key)
        if known is not None:
            self._cache.move_to_end(key)
            return known
        reply: dict[str, str] = {}
        for attempt in range(2):
            try:
                reply = self._ask(gold, answer)
            except ProcessGone as gone:
                self.close()
                self.restarts += 1
                reply = {"verdict": "infra_error", "detail": f"symbolic server: {gone}"}
                continue
            if reply["verdict"] != "crash" or attempt:
                break
        verdict = Verdict(reply["verdict"], time.monotonic() - started, reply["detail"])
        if verdict.verdict != "infra_error":
            self._cache[key] = verdict
            if len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return verdict

    def _ask(self, gold: str, answer: str) -> dict[str, str]:
        self.start()
        assert self._channel is not None
        if not self._ready:
            receive_packet(self._channel, time.monotonic() + START_S, "the symbolic server's start")
            self._ready = True
        job = {"gold": gold, "answer": answer, "timeout_s": self.timeout_s}
        send_packet(self._channel, job, what="the symbolic server")
        deadline = time.monotonic() + self.timeout_s + GRACE_S
        reply: dict[str, str] = receive_packet(self._channel, deadline, "the symbolic server")
        return reply

    def close(self) -> None:
        """Ends the server and its child."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            end(self._process)
        self._channel = self._process = None


def judge_math(gold: str, text: str, symbolic: SymbolicTier, bare: bool = False) -> Verdict:
    """The verdict on one response against the gold answer, all tiers in turn."""
    started = time.monotonic()
    answer = extract_answer(text, bare)
    verdict = judge_exact(gold, answer)
    if verdict is not None or answer is None:
        assert verdict is not None
        return Verdict(verdict.verdict, time.monotonic() - started, verdict.detail)
    return symbolic.judge(gold, answer)
