"""A real vLLM server of OpenAI's protocol on this machine, for the length of a `with` block."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from acereason.runtime.processes import die_with_parent

START_S = 300.0


@contextmanager
def serving_random(folder: Path, name: str, tokenizer_folder: Path | None = None, context: int = 512) -> Iterator[str]:
    """The url of a server that goes by `name`: random weights of a small model, written to `folder`.

    The tokenizer is the built-in one, or that of `tokenizer_folder`.
    """
    from safetensors.numpy import save_file

    from acereason.config.compose import compose_eval
    from acereason.config.huggingface import hf_config
    from acereason.megatron.reader import WeightReader
    from acereason.tokenizer import load_tokenizer

    words = [] if tokenizer_folder is None else ["model=random_small", f"model.tokenizer={tokenizer_folder}"]
    model = compose_eval(["benchmark=aime24", *words])[0].model
    tokenizer = load_tokenizer(model.tokenizer)
    # Beside config.json AutoTokenizer takes any tokenizer for Qwen2's own: right for R1's, which alone it would take
    # for Llama's, and wrong for the built-in one, whose spaces it would lose.
    place = folder / "tokenizer" if tokenizer_folder is None else folder
    tokenizer.save(place)
    save_file(dict(WeightReader(model, 1).export_weights()[0]), folder / "model.safetensors", {"format": "pt"})
    described = hf_config(model) | {"eos_token_id": tokenizer.stop_token, "max_position_embeddings": context}
    (folder / "config.json").write_text(json.dumps(described), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--tokenizer", str(place), "--host", "127.0.0.1", "--port", str(port), "--served-model-name", name]
    options += ["--dtype", "float32"]
    options += ["--enforce-eager", "--max-model-len", str(context), "--max-num-seqs", "16"]
    options += ["--no-enable-chunked-prefill"]
    variables = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1"}
    environment = {**os.environ, **variables, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), *options],
            env=environment, stdout=log, stderr=log, start_new_session=True, cwd=folder,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_S
        while not _healthy(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # all of its session, engine included
            process.wait(180)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
