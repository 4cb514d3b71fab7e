"""A cluster leaves nothing behind: not after its block, not after kill -9 of the driver."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from acereason.runtime.cluster import Cluster, gather

pytestmark = pytest.mark.slow

COUNTER = "tests.runtime.subjects:Counter"
ROOT = Path(__file__).parents[2]

DRIVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from acereason.config.schema import ClusterConfig, EngineLayout, TrainerLayout
from acereason.runtime.cluster import Cluster, gather
config = ClusterConfig("t", "cpu", None, TrainerLayout(1, 1, 1, False, 1, 1), EngineLayout(1, 1, 1, 1, 1.0), 60, 60)
with Cluster(config, Path({run_dir!r})) as cluster:
    actors = [cluster.actor("tests.runtime.subjects:Counter", name=f"actor {{i}}") for i in range(3)]
    gather([a.started for a in actors], 60, "start")
    actors[0].call("spin", 600)     # holds the interpreter
    actors[1].call("sleep", 600)
    actors[2].call("child").result(10, "child")
    print("ready", flush=True)
    time.sleep(600)
"""


def children_besides(others):
    """Descendants of this process, without those that other tests keep (a fork server, say)."""
    return [process for process in psutil.Process().children(recursive=True) if process not in others]


def test_clusters_may_follow_one_another_in_a_process(cluster_config, tmp_path):
    others = set(psutil.Process().children(recursive=True))
    for turn in range(2):
        with Cluster(cluster_config, tmp_path / str(turn)) as cluster:
            actor = cluster.actor(COUNTER, turn, name="counter")
            assert actor.call("add", 1).result(60, "sum") == turn + 1
            below = children_besides(others)
            assert len(below) >= 3  # its gcs, its raylet, the actor
        _, alive = psutil.wait_procs(below, timeout=90)
        assert not alive


def test_an_error_in_the_block_ends_the_cluster_too(cluster_config, tmp_path):
    others = set(psutil.Process().children(recursive=True))
    with pytest.raises(KeyError), Cluster(cluster_config, tmp_path) as cluster:
        actor = cluster.actor(COUNTER, name="counter")
        actor.call("sleep", 600)
        pid = actor.pid  # noqa: F841
        below = children_besides(others)
        raise KeyError("stop")
    _, alive = psutil.wait_procs(below, timeout=90)
    assert not alive


def test_kill_9_of_the_driver_leaves_no_process(tmp_path):
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(root=str(ROOT), run_dir=str(tmp_path))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert driver.stdout is not None and driver.stdout.readline().strip() == "ready"
        below = psutil.Process(driver.pid).children(recursive=True)
        assert len(below) >= 6  # gcs, raylet, three actors, the child of one
    finally:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    started = time.monotonic()
    _, alive = psutil.wait_procs(below, timeout=90)
    assert not alive, [" ".join(process.cmdline())[:150] for process in alive]
    print(f"all {len(below)} processes ended within {time.monotonic() - started:.1f} s")


@pytest.mark.parametrize("killed", [False, True])
def test_temporary_files_go_with_the_cluster(killed):
    """Files of actors, which are always killed, and of the driver, whether it ends by itself or by kill -9."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # short, as a socket's path must be
    code = DRIVER.format(root=str(ROOT), run_dir=str(folder / "run")).split("    actors = ")[0] + (
        '    actor = cluster.actor("tempfile:mkdtemp", name="actor")\n'
        "    import tempfile\n"
        '    print(actor.call("__str__").result(60, "a folder"), tempfile.mkdtemp(), flush=True)\n'
        "    sys.stdin.readline()\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        assert driver.stdout is not None
        made = [Path(path) for path in driver.stdout.readline().split()]
        assert len(made) == 2 and all(path.is_dir() and path.is_relative_to(folder) for path in made)
        below = psutil.Process(driver.pid).children(recursive=True)
        if killed:
            driver.kill()
        else:
            driver.communicate("\n", timeout=300)
            assert driver.returncode == 0
        driver.wait()
        psutil.wait_procs(below, timeout=90)
        assert [path.name for path in folder.iterdir()] == ["run"]
    finally:
        driver.kill()
        shutil.rmtree(folder)


def test_a_dead_peer_does_not_stop_the_others(cluster_config, tmp_path):
    with Cluster(cluster_config, tmp_path) as cluster:
        actors = [cluster.actor(COUNTER, name=f"actor {i}") for i in range(2)]
        pids = gather([actor.pid() for actor in actors], 60, "process ids")
        os.kill(pids[0], signal.SIGKILL)
        assert actors[1].call("add", 3).result(10, "sum") == 3
