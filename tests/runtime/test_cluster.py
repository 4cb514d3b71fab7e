"""Actors: calls, references, streams, and every way in which they can go wrong."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from acereason.errors import DeadlineError, InputError, RunError
from acereason.runtime.cluster import Cluster, gather, interleave, put

pytestmark = pytest.mark.slow

COUNTER = "tests.runtime.subjects:Counter"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("run_with_" + "a_long_name_" * 8)


@pytest.fixture(scope="module")
def cluster(cluster_config, run_dir):
    with Cluster(cluster_config, run_dir) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pair(cluster):
    first = cluster.actor(COUNTER, 5, name="counter 0", env={"ACEREASON_TEST_VARIABLE": "seen", "OMP_NUM_THREADS": "3"})
    second = cluster.actor(COUNTER, start=7, name="counter 1")
    assert gather([first.started, second.started], 60, "two counters") == ["counter 0", "counter 1"]
    return first, second


def test_peak_memory_of_every_actor(cluster, pair):
    before = cluster.peak_memory(30)
    assert set(before) >= {"counter 0", "counter 1"}
    pair[0].call("array", 100_000_000).result(60, "400 MB")
    after = cluster.peak_memory(30)
    assert after["counter 0"] - before["counter 0"] > 300e6
    assert after["counter 1"] - before["counter 1"] < 300e6


def test_calls_run_in_order_and_keep_state(pair):
    first, _ = pair
    before = first.call("add", 0).result(10, "sum")
    assert gather([first.call("add", n) for n in (1, 10, 100)], 10, "sums") == [before + 1, before + 11, before + 111]


def test_environment_is_set_before_the_target_is_imported(pair):
    assert pair[0].call("variable").result(10, "variable") == ("seen", "3")


def test_a_call_as_argument_hands_its_value_over(pair):
    first, second = pair
    size = 300_000  # over Ray's 100 kB limit for values inside messages, and one below it
    for n in (size, 10):
        whole = n * (n - 1) / 2
        array = first.call("array", n)
        assert second.call("total", array).result(10, "total") == pytest.approx(whole, rel=1e-4)
        assert second.call("total", [array, array]).result(10, "total") == pytest.approx(2 * whole, rel=1e-4)
        assert second.call("total", arrays=[array]).result(10, "total") == pytest.approx(whole, rel=1e-4)
    assert second.call("nested", {"a": [put(3)], "b": put(4)}).result(10, "nested") == 7


def test_put_serves_several_actors(pair):
    stored = put(np.ones(200_000, dtype=np.float32))
    assert gather([actor.call("total", stored) for actor in pair], 10, "totals") == [200_000.0, 200_000.0]


def test_interleave_yields_everything_in_each_stream_order(pair):
    seen: dict[int, list[int]] = {0: [], 1: []}
    for index, item in interleave([actor.stream("count", 20, pause=0.001) for actor in pair], 10, "numbers"):
        seen[index].append(item)
    assert seen == {0: list(range(20)), 1: list(range(20))}


def test_a_stream_that_fails_names_its_actor_after_its_items(pair):
    items = []
    with pytest.raises(RunError, match=r"counter 0: count failed: ValueError: number 3 is not liked"):
        for _, item in interleave([pair[0].stream("count", 9, fail_at=3)], 10, "numbers"):
            items.append(item)
    assert items == [0, 1, 2]


def test_errors_name_actor_and_method(pair):
    with pytest.raises(RunError, match=r"counter 1: divide failed: ZeroDivisionError"):
        pair[1].call("divide").result(10, "quotient")
    with pytest.raises(InputError, match=r"counter 1: rows.jsonl:3: field 'answer': missing"):
        pair[1].call("refuse").result(10, "refusal")
    with pytest.raises(RunError, match="counter 1: no_such failed: AttributeError"):
        pair[1].call("no_such").result(10, "nothing")


def test_failure_of_an_argument_names_the_actor_that_failed(pair):
    with pytest.raises(RunError, match=r"counter 0: divide failed"):
        pair[1].call("total", pair[0].call("divide")).result(10, "total")
    with pytest.raises(RunError, match=r"counter 0: divide failed"):
        pair[1].call("total", [pair[0].call("divide")]).result(10, "total")


def test_deadlines_name_what_was_awaited_and_from_whom(pair):
    slow = pair[0].call("sleep", 2.0)
    with pytest.raises(DeadlineError, match=r"waited 0.5 s for a nap; no answer yet from: counter 0: sleep"):
        gather([slow, pair[1].call("add", 0)], 0.5, "a nap")
    assert slow.result(10, "the same nap") == 2.0
    with pytest.raises(DeadlineError, match="for numbers; no answer yet from: counter 1: count"):
        list(interleave([pair[0].stream("count", 2), pair[1].stream("count", 2, pause=2.0)], 0.5, "numbers"))
    pair[1].call("add", 0).result(10, "the stream to end")


def test_a_constructor_that_fails_is_reported_at_start_and_by_every_call(cluster):
    broken = cluster.actor("tests.runtime.subjects:Broken", name="broken one")
    with pytest.raises(RunError, match="broken one: start failed: RuntimeError: this one never starts"):
        broken.started.result(30, "start")
    with pytest.raises(RunError, match="this one never starts"):
        broken.call("anything").result(10, "anything")
    with pytest.raises(RunError, match="no_module"):
        cluster.actor("tests.runtime.no_module:X", name="no module").started.result(30, "start")


@pytest.mark.parametrize("how", ["kill_itself", "crash"])
def test_a_dead_actor_is_named_with_its_last_lines(cluster, pair, how):
    name = f"victim of {how}"
    victim = cluster.actor(COUNTER, name=name)
    victim.started.result(30, "start")
    stuck = pair[0].call("sleep", 3.0)
    with pytest.raises(RunError, match=f"{name} died while waiting for the end") as caught:
        gather([stuck, victim.call(how)], 20, "the end")  # must not wait for the one that is stuck
    assert ("about to fall over" if how == "kill_itself" else "Segmentation fault") in str(caught.value)
    with pytest.raises(RunError, match=f"{name} died"):
        victim.call("add", 1).result(10, "sum")
    with pytest.raises(RunError, match=f"{name} died"):
        list(interleave([victim.stream("count", 3)], 10, "numbers"))
    with pytest.raises(RunError, match=f"{name} died"):
        pair[1].call("total", victim.call("array", 3)).result(10, "total")
    with pytest.raises(RunError, match=f"{name} died"):
        pair[1].call("total", [victim.call("array", 3)]).result(10, "total")
    stuck.result(10, "sleep")


def test_output_goes_to_the_log_named_after_the_actor(pair, run_dir):
    assert pair[0].log == Path(run_dir).resolve() / "logs" / "counter_0.log"
    assert "counter starts at 5" in pair[0].log.read_text()


def test_rendezvous_gives_an_address_to_listen_at(pair):
    import socket

    address, port = pair[0].rendezvous().result(10, "an address")
    with socket.create_server((address, port)):
        pass


def test_names_serve_once(cluster, pair):
    with pytest.raises(RunError, match="an actor named 'counter 0' is already running"):
        cluster.actor(COUNTER, name="counter 0")


def test_one_cluster_at_a_time(cluster, cluster_config, tmp_path):
    with pytest.raises(RunError, match="already open"), Cluster(cluster_config, tmp_path):
        pass


def test_an_address_without_ray_is_a_configuration_error(cluster_config, tmp_path):
    # In a process of its own, since this one has a cluster open.
    script = (
        "import dataclasses, pickle, sys, pathlib\n"
        "from acereason.runtime.cluster import Cluster\n"
        "config = dataclasses.replace(pickle.loads(bytes.fromhex(sys.argv[1])), ray_address='127.0.0.1:9')\n"
        "Cluster(config, pathlib.Path(sys.argv[2])).__enter__()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, pickle.dumps(cluster_config).hex(), str(tmp_path)],
        capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "ConfigError: cluster.ray_address=127.0.0.1:9: no Ray answers there" in done.stderr
