"""The teacher's client against vLLM's own server with the tiny model: what a real endpoint sends is taken as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from acereason.errors import RunError
from acereason.tokenizer import load_tokenizer
from data_pipeline.teacher.records import ANSWER
from data_pipeline.teacher.schema import TeacherConfig
from data_pipeline.teacher.teach import teach
from tests.data_pipeline.teacher.teachers import endpoint, problems, teacher
from tests.data_pipeline.teacher.test_teacher_engine import SHORT, records
from tests.vllm_server import serving_random


def asking(folder: Path, url: str, name: str = "tiny") -> TeacherConfig:
    server = endpoint(url, model=name, retries=0, request_s=300.0)
    return teacher(folder, attempts=3, sampling=SHORT, endpoint=server)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_vllm_server_teaches(tmp_path: Path) -> None:
    """Answers with counts, seeds that reproduce, a name that is looked at, and a prompt that is too long."""
    pytest.importorskip("vllm")
    (tmp_path / "model").mkdir()
    table, tokenizer = problems(6), load_tokenizer("tiny")
    with serving_random(tmp_path / "model", "tiny") as url:
        found = teach(table, asking(tmp_path, url))
        assert (found.outcomes, found.missing) == ({ANSWER: 18}, 0)
        there = records(tmp_path)
        wordings = dict(table.select("id", "prompt").iter_rows())
        for record in there.values():
            assert record.model == "tiny" and record.tokens and record.tokens <= 24
            assert record.finish_reason == "stop" or record.tokens == 24
            # The server renders and cuts the prompt as our own engine would.
            assert record.prompt_tokens == len(tokenizer.encode_prompt(wordings[record.problem], "bare", "math"))
        assert len({record.text for record in there.values()}) > 15, "each attempt has its own seed"
        teach(table, asking(tmp_path / "again", url))
        again = records(tmp_path / "again")
        # The same seeds in other company: a token may turn here and there.
        assert sum(again[key].text == record.text for key, record in there.items()) >= 0.8 * len(there)
        with pytest.raises(RunError, match="takes no request of ours: HTTP 404"):
            teach(table, asking(tmp_path / "wrong", url, "another"))
        long = table.with_columns(prompt=table["prompt"] + " Why?" * 200)
        assert teach(long, asking(tmp_path / "long", url)).outcomes == {"rejected": 18}
