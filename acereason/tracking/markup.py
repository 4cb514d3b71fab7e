"""Text made safe to stand in a page. Everything that a model or a file wrote goes through `escape`."""

from __future__ import annotations

import html
import re

# Control characters, and the marks that turn the direction of text around or hide in it: shown, not obeyed.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` with control, direction and zero-width characters spelt out, and lone surrogates replaced.

    ZERO WIDTH JOINER and the like are legitimate in some scripts, but a reader who judges a response
    needs to see what is in it.
    """
    text = _SURROGATES.sub("\ufffd", text.replace("\r\n", "\n"))
    return _HIDDEN.sub(_spelt, text)


def escape(text: object) -> str:
    """`text` for an element's content or a quoted attribute: no tag, entity or quote survives."""
    return html.escape(visible(str(text)), quote=True)


def _spelt(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ␀ ␛
    return f"⟨U+{code:04X}⟩"
