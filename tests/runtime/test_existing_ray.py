"""An existing Ray: actors run there, and leave it when the driver leaves."""

import dataclasses
import os
import pickle
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # what both sides must share

DRIVER = """
import pickle, sys
from pathlib import Path
from acereason.runtime.cluster import Cluster
config = pickle.loads(bytes.fromhex(sys.argv[1]))
with Cluster(config, Path(sys.argv[2])) as cluster:
    actor = cluster.actor("tests.runtime.subjects:Counter", 5, name="counter")
    actor.started.result(60, "the counter to start")
    print(actor.call("add", 2).result(30, "a sum"), actor.pid().result(30, "its process"))
"""


@pytest.fixture
def head(tmp_path_factory):
    """`ray start --head` in a process group of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("r")
    ray = Path(sys.executable).with_name("ray")
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=4"]
    process = subprocess.Popen(
        [str(ray), *words, "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir=/tmp/ray-{port}"],
        env={**os.environ, **TOKEN, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=open(folder / "head.txt", "w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while "Ray runtime started" not in (folder / "head.txt").read_text():
            assert process.poll() is None and time.monotonic() < deadline, (folder / "head.txt").read_text()
            time.sleep(0.2)
        yield re.search(rf"[0-9.]+:{port}", (folder / "head.txt").read_text())[0]
    finally:
        process.terminate()
        try:
            process.wait(180)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        subprocess.run(["rm", "-rf", f"/tmp/ray-{port}"], check=False)


def test_actors_run_in_an_existing_ray(head, cluster_config, tmp_path):
    config = dataclasses.replace(cluster_config, ray_address=head)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, pickle.dumps(config).hex(), str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, **TOKEN},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    total, pid = map(int, done.stdout.split())
    assert total == 7
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not Path(f"/proc/{pid}").exists(), "the actor outlived its driver"
