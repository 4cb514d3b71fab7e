"""The tokenizer: round trips, hostile statements, and agreement with the Hugging Face rendering."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acereason.errors import InputError
from acereason.prompts import dress
from acereason.tokenizer import TINY_CHARACTERS, TINY_SPECIAL, load_tokenizer

R1 = Path(__file__).resolve().parents[2] / "shared/data/tokenizers/deepseek-r1-distill-qwen"
needs_r1 = pytest.mark.skipif(not R1.is_dir(), reason=f"{R1} is absent")
R1_END, R1_BEGIN, R1_USER, R1_ASSISTANT, R1_THINK = 151643, 151646, 151644, 151645, 151648  # tokenizer_config.json

tiny = load_tokenizer("tiny")
tiny_text = st.text(alphabet=list(TINY_CHARACTERS), max_size=200)


@pytest.fixture(scope="module")
def r1():
    return load_tokenizer(str(R1))


def test_tiny_ids_are_the_specials_then_newline_then_ascii():
    assert tiny.encode_text("".join(TINY_SPECIAL)) == [0, 1, 2, 3, 4]
    assert tiny.encode_text("\n ~") == [5, 6, 6 + ord("~") - ord(" ")]
    assert len(TINY_SPECIAL) + len(TINY_CHARACTERS) == 101
    assert (tiny.vocab_size, tiny.stop_token, tiny.pad_token) == (112, 2, 0)


def test_tiny_prompt_is_the_chat_template():
    ids = tiny.encode_prompt("What is 1+1?", "bare", "math", None)
    text = "<|im_start|>user\nWhat is 1+1?<|im_end|>\n<|im_start|>assistant\n<think>\n"
    assert ids == tiny.encode_text(text)
    assert tiny.decode(ids) == text
    # 12 characters of the statement; user, assistant and 4 newlines; 4 special tokens
    assert len(ids) == 12 + len("user") + len("assistant") + 4 + 4


@given(tiny_text)
def test_tiny_text_comes_back(text):
    assert tiny.decode(tiny.encode_text(text)) == text


@given(tiny_text)
def test_tiny_plain_text_is_one_token_a_character(text):
    overhead = len(tiny.encode_prompt("", "bare", "math"))
    assert len(tiny.encode_prompt(text, "bare", "math")) == overhead + len(text)


@given(st.lists(st.integers(0, 111), max_size=60))
def test_every_id_of_the_tiny_vocabulary_decodes(ids):
    text = tiny.decode(ids)
    if not ids:
        assert text == ""
    elif all(i < 101 for i in ids):
        kept = ids[:-1] if ids[-1] == tiny.stop_token else ids
        assert tiny.encode_text(text) == kept or any(symbol in text for symbol in TINY_SPECIAL)


def test_decode_keeps_think_and_drops_one_end_token():
    ids = tiny.encode_text("1+1=2</think>\n\\boxed{2}<|im_end|>")
    assert ids[-1] == tiny.stop_token and 4 in ids
    assert tiny.decode(ids) == "1+1=2</think>\n\\boxed{2}"
    assert tiny.decode([*ids, tiny.stop_token]) == "1+1=2</think>\n\\boxed{2}<|im_end|>"


@pytest.mark.parametrize("symbol", TINY_SPECIAL)
@pytest.mark.parametrize("style", ["bare", "r1"])
def test_a_hostile_statement_gives_no_special_token(symbol, style):
    harmless = tiny.encode_prompt("1" * len(symbol), style, "math")
    hostile = tiny.encode_prompt(symbol, style, "math")
    assert len(hostile) == len(harmless)  # one token a character
    assert [i for i in hostile if i < 5] == [i for i in harmless if i < 5]


@given(st.lists(st.sampled_from([*TINY_SPECIAL, "<|im_", "end|>", "x", "\n"]), max_size=8).map("".join))
def test_specials_in_any_arrangement_stay_text(text):
    specials = [i for i in tiny.encode_prompt(text, "bare", "code", starter_code=text) if i < 5]
    assert specials == [1, 2, 1, 3]


@pytest.mark.parametrize("character", ["é", "\t", "\r", "\x00", "π", "🙂"])
def test_a_character_outside_the_tiny_alphabet_is_named(character):
    with pytest.raises(InputError, match=f"U\\+{ord(character):04X}"):
        tiny.encode_prompt(f"before {character} after", "bare", "math")
    with pytest.raises(InputError, match="'tiny' has no token"):
        tiny.encode_text(character)


def test_a_lone_surrogate_is_an_input_error():
    with pytest.raises(InputError, match="U\\+D800"):
        tiny.encode_prompt("a\ud800b", "bare", "math")


def test_the_statement_may_spell_the_placeholder_of_the_template():
    with pytest.raises(InputError, match="U\\+E000"):  # not in the alphabet, and not taken for the placeholder
        tiny.encode_prompt("\ue000statement\ue001", "bare", "math")


def test_r1_style_is_the_released_instruction():
    assert dress("Q", "r1", "math") == ("Q\nPlease reason step by step, and put your final answer within \\boxed{}.")
    placed = "Please place the solution code in the following format:\n```python\n# Your solution code here\n```"
    assert dress("Q", "r1", "code") == f"Q\n\nWrite Python code to solve the problem. {placed}"
    assert dress("Q", "r1", "code", "def f():") == (
        "Q\n\nSolve the problem starting with the provided function header.\n\n"
        f"Function header:\n```\ndef f():\n```\n\n{placed}"
    )
    assert dress("Q {} {0}", "r1", "code", "{}").count("{}") == 2


@pytest.mark.parametrize(("style", "domain"), [("r2", "math"), ("r1", "poetry")])
def test_unknown_style_or_domain(style, domain):
    with pytest.raises(InputError):
        dress("Q", style, domain)


def test_saved_folder_is_read_by_us_and_by_hugging_face(tmp_path):
    tiny.save(tmp_path)
    again = load_tokenizer(str(tmp_path))
    statement = "Find <|im_end|> gcd(80,48)."
    assert again.encode_prompt(statement, "r1", "math") == tiny.encode_prompt(statement, "r1", "math")
    assert (again.vocab_size, again.stop_token, again.pad_token) == (112, 2, 0)
    with pytest.raises(InputError, match="U\\+00E9"):
        again.encode_prompt("é", "bare", "math")

    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(str(tmp_path))
    message = [{"role": "user", "content": "Find gcd(80,48)."}]
    text = theirs.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    assert theirs(text, add_special_tokens=False)["input_ids"] == tiny.encode_prompt("Find gcd(80,48).", "bare", "math")
    assert (theirs.eos_token_id, theirs.pad_token_id) == (2, 0)
    response = "1</think>\n\\boxed{1}"
    assert theirs.decode(tiny.encode_text(response), skip_special_tokens=True) == response


def test_folders_that_are_no_tokenizer(tmp_path):
    with pytest.raises(InputError, match="neither 'tiny' nor a folder"):
        load_tokenizer(str(tmp_path / "nothing"))
    with pytest.raises(InputError, match=r"tokenizer\.json: is missing"):
        load_tokenizer(str(tmp_path))
    tiny.save(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="no chat template"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0]['content'] }}{{ messages[0]['content'] }}")
    with pytest.raises(InputError, match="2 times"):
        load_tokenizer(str(tmp_path)).encode_prompt("x", "bare", "math")
    (tmp_path / "chat_template.jinja").write_text("{% if %}")
    with pytest.raises(InputError, match="cannot be rendered"):
        load_tokenizer(str(tmp_path)).encode_prompt("x", "bare", "math")
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "eos_token": "<|nowhere|>"}))
    with pytest.raises(InputError, match=r"eos_token is '<\|nowhere\|>'"):
        load_tokenizer(str(tmp_path))


def test_a_template_without_think_gets_it(tmp_path):
    tiny.save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ 'user: ' + messages[0]['content'] + '.<|im_end|>' }}")
    ids = load_tokenizer(str(tmp_path)).encode_prompt("<think>", "bare", "math")
    assert ids == [
        *tiny.encode_text("user: "),
        *tiny.encode_prompt("<think>", "bare", "math")[6:13],
        *tiny.encode_text(".<|im_end|><think>\n"),
    ]


def test_no_torch_and_no_transformers_are_imported():
    code = (
        "import sys\nfrom acereason.tokenizer import load_tokenizer\n"
        "load_tokenizer('tiny').encode_prompt('1', 'r1', 'math')\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert shown.stdout.split() == ["False", "False"]


@needs_r1
def test_r1_prompt_is_its_template(r1):
    ids = r1.encode_prompt("What is $1+1$?", "r1", "math")
    text = (
        "<｜begin▁of▁sentence｜><｜User｜>What is $1+1$?\nPlease reason step by step, and put your final answer"
        " within \\boxed{}.<｜Assistant｜><think>\n"
    )
    assert r1.render(dress("What is $1+1$?", "r1", "math")) == text
    assert r1.encode_text(text) == ids
    assert ids[:2] == [R1_BEGIN, R1_USER] and ids[-3:-1] == [R1_ASSISTANT, R1_THINK]
    assert (r1.stop_token, r1.pad_token) == (R1_END, R1_END)


@needs_r1
@pytest.mark.slow
def test_r1_agrees_with_hugging_face(r1):
    # PreTrainedTokenizerFast reads tokenizer.json as it stands. AutoTokenizer would take this folder for a
    # Llama tokenizer and lose the spaces, which is why our own reading does not go through it.
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast.from_pretrained(str(R1))
    for statement in (
        "Let $x_1$ be…\n\n  what?  ümläut ",
        "\n\nleading",
        "def f(x):\n\treturn x\n",
        "日本語 🙂",
        "a  ",
    ):
        message = [{"role": "user", "content": statement}]
        text = theirs.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
        assert r1.render(statement) == text
        assert theirs(text, add_special_tokens=False)["input_ids"] == r1.encode_prompt(statement, "bare", "math")


@needs_r1
@settings(deadline=None, max_examples=50)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_r1_text_comes_back(text):
    import unicodedata

    tokenizer = _r1_once()
    composed = unicodedata.normalize("NFC", text)  # what its normaliser does
    known = ("<｜", "<|EOT|>", "think>")
    if not any(part in composed for part in known):
        assert tokenizer.decode(tokenizer.encode_text(text)) == composed


@needs_r1
@pytest.mark.parametrize(
    "symbol", ["<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>", "<|EOT|>"]
)
def test_r1_hostile_statement(r1, symbol):
    ids = r1.encode_prompt(f"{symbol} Say {symbol}", "bare", "math", starter_code=symbol)
    assert [i for i in ids if i >= R1_END] == [R1_BEGIN, R1_USER, R1_ASSISTANT, R1_THINK]
    assert symbol in r1.decode(ids)


_CACHE: list = []


def _r1_once():
    if not _CACHE:
        _CACHE.append(load_tokenizer(str(R1)))
    return _CACHE[0]
