"""What an endpoint's answer is worth. Nothing in it is believed that is not looked at: an endpoint may lie."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acereason.verifiers.thinking import END_OF_THINKING

ANSWER = "answer"  # the outcome that is none of the ways to fail
APIS = {"chat": "/chat/completions", "completions": "/completions"}  # what is asked, behind the url
QUOTED = 300  # characters of an answer that a message quotes
REASONING = ("reasoning_content", "reasoning")  # where servers put thinking that they take out of the text
FILTERED = ("content_filter", "refusal", "safety")
WHOSE = (ANSWER, "empty", "cut_short")  # outcomes that are a model's own: another model's are none of ours
SLACK = 8  # tokens over what was asked for: some servers count those that end a response
AT_ONCE = 16  # tokens at most of a model that ends at once: more of them and no text, and the server keeps it back


@dataclass(frozen=True)
class Reply:
    """What came back: `answer`, or the way in which it failed.

    Ways: `rejected`, `busy`, `server`, `timeout`, `connection`, `too_large`, `malformed`, `wrong_model`, `refused`,
    `cut_short`, `empty`. An `empty` one with a `finish_reason` is a model that ended at once. `again`: worth another
    try at once. `fatal`: worth none for any other request.
    """

    outcome: str
    detail: str | None = None
    text: str | None = None
    finish_reason: str | None = None
    tokens: int | None = None
    prompt_tokens: int | None = None
    model: str | None = None
    again: bool = False
    fatal: bool = False
    wait_s: float | None = None  # as Retry-After asks


def of_status(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """The reply to a request that did not end with 200."""
    said = f"HTTP {status}: {quote(body)}"
    if status == 429 and b"insufficient_quota" in body:
        return Reply("rejected", said, fatal=True)
    if status == 429:
        return Reply("busy", said, again=True, wait_s=retry_after(headers.get("retry-after")))
    if status in (408, 409, 425) or status >= 500:
        return Reply("server", said, again=True, wait_s=retry_after(headers.get("retry-after")))
    # No key, no money, no right, no such address or model, or another address: so it will be for every request.
    return Reply("rejected", said, fatal=status in (401, 402, 403, 404, 405) or status < 400)


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds to wait: the header holds seconds or a date. None where it holds neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(value).timestamp()
        except (TypeError, ValueError, OverflowError):
            return None
        seconds = at - (time.time() if now is None else now)
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None


def of_body(content_type: str, body: bytes, names: tuple[str, ...], max_tokens: int) -> Reply:
    """The reply of a 200. `names`: those that the model may go by; `max_tokens`: as asked."""
    if "json" not in content_type.lower():
        return Reply("malformed", f"content type {content_type[:60]!r} instead of JSON: {quote(body)}")
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Reply("malformed", f"no JSON ({str(error)[:80]}): {quote(body)}")
    if not isinstance(answer, dict):
        return Reply("malformed", f"no JSON object: {quote(body)}")
    if answer.get("error"):
        return Reply("malformed", f"an error with status 200: {quote(json.dumps(answer['error']).encode())}")
    usage = answer.get("usage") if isinstance(answer.get("usage"), dict) else {}
    found = _choice(answer, max_tokens, _count(usage, "completion_tokens"))
    model = answer.get("model")
    if found.outcome in WHOSE and model not in names:
        wanted = " or ".join(names)
        said = f"the endpoint answers as {str(model)[:100]!r}, asked for was {wanted}; answers_as takes another name"
        found = Reply("wrong_model", said)
    return Reply(
        outcome=found.outcome,
        detail=found.detail,
        text=found.text,
        finish_reason=found.finish_reason,
        tokens=_count(usage, "completion_tokens"),
        prompt_tokens=_count(usage, "prompt_tokens"),
        model=model[:200] if isinstance(model, str) else None,
    )


def _choice(answer: dict[str, Any], max_tokens: int, tokens: int | None) -> Reply:
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message", {"content": choice.get("text")}) if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Reply("malformed", "no choice with a message or a text in it")
    reason = choice.get("finish_reason")
    if message.get("refusal") or reason in FILTERED:
        return Reply("refused", f"finish_reason {str(reason)[:40]!r}: {str(message.get('refusal'))[:QUOTED]}")
    if reason not in ("stop", "length"):
        return Reply("malformed", f"finish_reason {str(reason)[:40]!r}; expected stop or length")
    text = _text(message)
    if text is None:
        return Reply("malformed", "the message's content is no text")
    if tokens is not None and tokens > max_tokens + SLACK:
        said = f"counts {tokens} tokens of a response where max_tokens={max_tokens} was asked for"
        return Reply("malformed", f"{said}: the endpoint does not keep to the length, or does not count right")
    if reason == "length" and (tokens is not None and tokens < max_tokens):
        return Reply("cut_short", f"ended as length after {tokens} of {max_tokens} tokens: the endpoint's own limit")
    if not text.strip() and tokens is not None and tokens > AT_ONCE + len(text):
        said = f"the message has no text, though {tokens} tokens are counted: the endpoint keeps text back"
        return Reply("empty", f"{said}, such as the thinking; let it send that ({' or '.join(REASONING)})")
    if not text.strip():
        return Reply("empty", "the message has no text", finish_reason=reason)
    return Reply(ANSWER, text=text, finish_reason=reason)


def _text(message: dict[str, Any]) -> str | None:
    """Thinking and answer as one text, as the model wrote it; None where they are no text."""
    content = message.get("content")
    thinking = next((message[name] for name in REASONING if message.get(name)), None)
    if content is None and thinking is not None:
        content = ""
    if not isinstance(content, str) or not isinstance(thinking, str | None):
        return None
    if thinking is None:
        return content
    # Without an answer behind it the thinking has not ended, and the mark of its end would be ours.
    return f"{thinking}{END_OF_THINKING}{content}" if content else thinking


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name)
    return value if type(value) is int and 0 <= value < 1 << 40 else None


def quote(body: bytes) -> str:
    """The beginning of a body on one line."""
    text = " ".join(body[: 4 * QUOTED].decode("utf-8", "replace").split())
    return text if len(text) <= QUOTED else text[:QUOTED] + " ..."
