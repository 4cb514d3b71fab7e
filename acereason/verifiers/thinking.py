"""Where the answer part of a response begins."""

END_OF_THINKING = "</think>"


def after_thinking(text: str) -> str | None:
    """The text after the last `</think>`, or None where the response never ended its reasoning."""
    position = text.rfind(END_OF_THINKING)
    return None if position < 0 else text[position + len(END_OF_THINKING) :]
