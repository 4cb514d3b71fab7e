"""The engine of a search over runs that only look like runs: what starts them writes what a run would have left.

`test_search_real.py` makes a search of real ones.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from acereason.commands.sweeps import sweep
from acereason.errors import ConfigError, InputError, RunError
from acereason.launch.cells import INTERRUPTED, Task
from acereason.sweep import search_run
from acereason.sweep.search_objective import objective_of
from acereason.sweep.search_record import RECORD, Asked, check_same
from acereason.sweep.search_run import SearchEngine, asked_for
from acereason.sweep.search_space import Choice, Interval, ends, space_of
from acereason.tracking.files import alone
from acereason.tracking.record import RunRecord

LR = "curriculum.stages.math_1.optimizer.lr"
WORDS = (
    "name=look",
    "sweep.search.trials=6",
    "sweep.search.startup_trials=3",
    f"{LR}=tag(log,interval(1e-4,1e-3))",
    "curriculum.stages.math_1.temperature=interval(0.6,1.0)",
    "algorithm.aggregation=batch,group,sequence",
)


def values_of(task: Task) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in task.words)  # type: ignore[misc]


def leave_run(task: Task, accuracy: float, status: str = "completed") -> None:
    """What a run leaves of itself, as far as a search looks at it."""
    task.run_dir.mkdir(parents=True, exist_ok=True)
    (task.run_dir / "config.yaml").write_text("")
    stages = [{"eval_after": {"math": accuracy, "code": accuracy / 2}}, {"eval_after": {}}]
    (task.run_dir / "summary.json").write_text(json.dumps({"status": status, "stages": stages}))
    rows = [{"step": n, "stage": "math_1", "stage_step": n, "wall_s": n, "reward/mean": n / 100} for n in range(1, 31)]
    (task.run_dir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


class LookAlike:
    """Starts nothing. Each task ends after `ticks` polls with the code that `fate` has for its number, or 0."""

    def __init__(self, fate: dict[int, int] | None = None, ticks: int = 1) -> None:
        self.fate, self.ticks = fate or {}, ticks
        self.tasks: list[Task] = []
        self.at_once = self.most = 0

    def __call__(self, task: Task) -> Any:
        self.tasks.append(task)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        return _Job(self, task, int(task.run_dir.name))


class _Job:
    def __init__(self, starts: LookAlike, task: Task, number: int) -> None:
        self.starts, self.task, self.number, self.polled = starts, task, number, 0

    def about(self) -> dict[str, Any]:
        return {}

    def poll(self) -> int | None:
        self.polled += 1
        if self.polled <= self.starts.ticks:
            return None
        self.starts.at_once -= 1
        code = self.starts.fate.get(self.number, 0)
        if code == 0:
            leave_run(self.task, 1.0 - abs(float(values_of(self.task)["curriculum.stages.math_1.temperature"]) - 0.8))
        else:
            self.task.output.parent.mkdir(parents=True, exist_ok=True)
            self.task.output.write_text("acereason: no GPU today\n")
        return code

    def interrupt(self) -> None:
        self.starts.fate[self.number] = INTERRUPTED

    def said(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "POLL_S", 0.0)


def ask(tmp_path: Path, *more: str) -> Asked:
    return asked_for([*WORDS, *more], tmp_path)


def trials(tmp_path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((tmp_path / "runs/look" / RECORD).read_text())["trials"]
    return found


def test_a_search_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    starts = LookAlike()
    assert SearchEngine(ask(tmp_path, "seed=5"), starts).run() == 0
    assert [task.run_dir.name for task in starts.tasks] == [f"{n:03d}" for n in range(6)] and starts.most == 1
    rows = trials(tmp_path)
    assert [row["state"] for row in rows] == ["complete"] * 6
    record = json.loads((tmp_path / "runs/look" / RECORD).read_text())
    assert rows[record["best"]]["value"] == max(row["value"] for row in rows)
    for task, row in zip(starts.tasks, rows, strict=True):
        given = values_of(task)
        assert float(given[LR]) == row["values"][LR] and given["seed"] == "5"
        assert given["tracking.wandb.group"] == '"look"' and given["tracking.wandb.id"] == f'"look-{task.run_dir.name}"'
        assert given["train.share"] == f'"{tmp_path}/runs/look/shared"'
        assert not any(key.startswith("sweep.") or key == "run_dir" for key in given)
    assert f"best of 6: trial {record['best']}, heldout/math = " in capsys.readouterr().out
    again = LookAlike()
    assert SearchEngine(ask(tmp_path, "seed=5"), again).run() == 0 and again.tasks == []
    assert SearchEngine(ask(tmp_path, "seed=5", "sweep.search.trials=8"), again).run() == 0
    assert [task.run_dir.name for task in again.tasks] == ["006", "007"]


def test_a_failed_trial_is_told_and_named_and_the_search_goes_on(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"2 of 6 trials failed: trial 1 .*: exit code 1: acereason: no GPU today; .*SIG"
    ):
        SearchEngine(ask(tmp_path), LookAlike({1: 1, 4: -9})).run()
    assert [row["state"] for row in trials(tmp_path)] == ["complete", "failed", *["complete"] * 2, "failed", "complete"]
    again = LookAlike()
    with pytest.raises(RunError, match="2 of 6 trials failed"):
        SearchEngine(ask(tmp_path), again).run()
    assert again.tasks == []


class Killed(BaseException):
    """As if the process had ended here."""


def test_a_search_that_is_killed_anywhere_loses_no_trial_and_runs_none_twice(tmp_path: Path) -> None:
    whole = LookAlike()
    SearchEngine(ask(tmp_path / "whole"), whole).run()
    expected = [row | {"reason": ""} for row in trials(tmp_path / "whole")]
    for after in (1, 3, 4, 9, 14):  # calls into the study and the runner before the end of the process
        place = tmp_path / f"killed{after}"
        ran: list[str] = []
        asked = ask(place)
        for call in range(40):
            engine = SearchEngine(asked, starts := LookAlike())
            if call < 30:
                _kill_after(engine, after)
            try:
                assert engine.run() == 0
                break
            except Killed:
                ran += [task.run_dir.name for task in starts.tasks]
        else:
            pytest.fail(f"not done after 40 calls that were killed after {after} steps")
        assert trials(place) == expected, after
        completed = [path.parent.name for path in sorted(place.glob("runs/look/cells/*/summary.json"))]
        assert completed == [f"{n:03d}" for n in range(6)]
        done = [task.run_dir.name for task in starts.tasks]
        assert not set(done) & {name for name in ran if ran.count(name) == 1 and name not in done}


def _kill_after(engine: SearchEngine, count: int) -> None:
    left = [count]

    def counted(call: Any) -> Any:
        def wrapper(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return call(*given, **named)

        return wrapper

    for target, name in ((engine.study, "ask"), (engine.study, "tell"), (engine, "start"), (engine, "_look")):
        setattr(target, name, counted(getattr(target, name)))


def test_a_run_that_was_begun_goes_on_and_one_that_had_ended_is_only_told(tmp_path: Path) -> None:
    starts = LookAlike()
    engine = SearchEngine(ask(tmp_path), starts)
    first, second = engine.study.ask(), engine.study.ask()
    folder = tmp_path / "runs/look/cells"
    leave_run(Task("", (), folder / "000", folder / "x"), 0.75)
    leave_run(Task("", (), folder / "001", folder / "x"), 0.5, status="stopped")
    (folder / "002").mkdir()  # killed before its run had begun
    (folder / "002/data").mkdir()
    again = LookAlike()
    assert SearchEngine(ask(tmp_path), again).run() == 0
    assert [(task.run_dir.name, task.resumes) for task in again.tasks][:2] == [("001", True), ("002", False)]
    assert trials(tmp_path)[0]["value"] == 0.75 and (first.number, second.number) == (0, 1)


def test_a_run_that_is_at_work_elsewhere_is_waited_for_and_not_started_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = SearchEngine(ask(tmp_path), starts := LookAlike())
    folder = tmp_path / "runs/look/cells"
    for _ in range(2):
        engine.study.ask()
    tasks = [Task("", (), folder / name, folder / "x") for name in ("000", "001")]
    records = []
    for task in tasks:  # jobs that outlived the search: one completes, one ends before
        leave_run(task, 0.5, status="stopped")
        records.append(RunRecord(task.run_dir))
    look, looked = engine._look, []

    def ends(number: int) -> None:
        looked.append(number)
        if len(looked) == 4:
            leave_run(tasks[0], 0.5)
            for record in records:
                record.close()
        look(number)

    engine._look = ends  # type: ignore[method-assign]
    engine.asked = ask(tmp_path, "launcher.slots=2")
    assert engine.run() == 0
    assert capsys.readouterr().out.count("is running elsewhere") == 2
    assert next((task.run_dir.name, task.resumes) for task in starts.tasks) == ("001", True)
    assert sorted(task.run_dir.name for task in starts.tasks) == ["001", "002", "003", "004", "005"]


def test_slots_are_filled_and_never_more(tmp_path: Path) -> None:
    starts = LookAlike(ticks=3)
    SearchEngine(ask(tmp_path, "launcher.slots=3"), starts).run()
    assert starts.most == 3 and len({task.run_dir for task in starts.tasks}) == 6


def test_a_stop_leaves_what_runs_for_the_next_call(tmp_path: Path) -> None:
    starts = LookAlike({2: INTERRUPTED})
    assert SearchEngine(ask(tmp_path), starts).run() == INTERRUPTED
    assert [row["state"] for row in trials(tmp_path)] == ["complete", "complete", "running"]
    again = LookAlike()
    assert SearchEngine(ask(tmp_path), again).run() == 0
    assert [task.run_dir.name for task in again.tasks] == ["002", "003", "004", "005"]


def test_its_status_is_a_line_a_trial_the_best_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs/look"
    with pytest.raises(RunError):
        SearchEngine(ask(tmp_path), LookAlike({1: 1, 4: 1})).run()
    capsys.readouterr()
    assert sweep(["status", str(folder)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "look: 6 trials for heldout/math (maximize)"
    assert [line.split()[1] for line in lines] == ["complete"] * 4 + ["failed"] * 2
    values = [float(line.split()[2]) for line in lines[:4]]
    assert values == sorted(values, reverse=True) and "no GPU today" in lines[-1] and "temperature=" in lines[0]
    (folder / RECORD).write_text('{"search": 3}')
    with pytest.raises(RunError, match="is damaged"):
        sweep(["status", str(folder)])


def test_another_search_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    SearchEngine(ask(tmp_path), LookAlike()).run()
    for words in (["seed=9"], ["sweep.search.metric=reward/mean"], ["algorithm.clip_high=0.2,0.28"]):
        with pytest.raises(ConfigError, match="another search was begun here"):
            check_same(ask(tmp_path, *words))
    check_same(ask(tmp_path, "launcher.slots=2", "sweep.search.trials=9"))
    path = tmp_path / "runs/look" / RECORD
    known = json.loads(path.read_text())
    path.write_text(json.dumps(known | {"inputs": known["inputs"] | {"code": "other"}}))
    with pytest.raises(ConfigError, match="with other code"):
        check_same(ask(tmp_path))
    check_same(ask(tmp_path, "sweep.stale=keep"))
    with alone(tmp_path / "runs/look", "", ""), pytest.raises(InputError, match="another process is searching"):
        search_run.run(WORDS, tmp_path)
    shutil.rmtree(tmp_path / "runs/look/cells")
    path.unlink()
    with pytest.raises(ConfigError, match="something else than a search"):
        check_same(ask(tmp_path))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep.search.trials=3"], "nothing is searched"),
        ([f"{LR}=interval(1e-4,1e-3)"], "sweep.search.trials=0"),
        (["sweep.search.trials=3", f"{LR}=interval(1e-3,1e-3)"], "a low and a higher end"),
        (["sweep.search.trials=3", f"{LR}=tag(log,interval(0,1))"], "above 0"),
        (["sweep.search.trials=3", f"{LR}=tag(lin,interval(1,2))"], "unknown tag 'lin'"),
        (["sweep.search.trials=3", f"{LR}=interval(-1,1)"], "must be above 0"),
        (["sweep.search.trials=3", "curriculum.stages.math_1.group_size=interval(2,8)"], "whole number"),
        (["sweep.search.trials=3", "algorithm.aggregation=batch,grup"], "group"),
        (["sweep.search.trials=3", "algorithm.agregation=batch,group"], "aggregation"),
        (["sweep.search.trials=3", "name=a,b"], "for the whole search"),
        (["sweep.search.trials=3", "sweep.search.metric=heldout/maths", "seed=1,2"], "heldout/mean"),
        (["sweep.search.trials=3", "sweep.search.metric=reward", "seed=1,2"], "reward/mean"),
        (["sweep.search.trials=3", "seed=glob(*)"], "cannot be searched"),
        (["sweep.search.trials=3", "seed=range(1,2)"], "nothing to choose between"),
        (["sweep.search.trials=3", "sweep.preview=true", "seed=1,2"], "sweep.preview: is for a grid"),
        (["sweep.search.trials=3", "ablation=on_policy", "seed=1,2"], "is a grid"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_starts(words: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        asked_for(words, tmp_path)
    assert said in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_hydras_grammar_as_a_space() -> None:
    fixed, space = space_of([
        "seed=3", "a.b=interval(0.5,2)", "a.c=int(interval(4,16))", "a.d=range(0.1,0.5,step=0.1)", "a.e=range(9,1,-4)",
        "a.f=[1,2],[3]", "a.g=tag(log,interval(1e-5,1e-3))",
    ])  # fmt: skip
    assert fixed == ["seed=3"]
    assert space == {
        "a.b": Interval(0.5, 2.0), "a.c": Interval(4, 16, whole=True),
        "a.d": Interval(0.1, 0.4, step=0.1), "a.e": Interval(5, 9, whole=True, step=4),
        "a.f": Choice(("[1,2]", "[3]")), "a.g": Interval(1e-5, 1e-3, log=True),
    }  # fmt: skip
    low, high = ends({key: space[key] for key in ("a.b", "a.c", "a.f")})
    assert low == ["a.b=0.5", "a.c=4", "a.f=[1,2]"] and high == ["a.b=2.0", "a.c=16", "a.f=[3]"]
    assert len(ends({"k": Choice(("a", "b", "c", "d"))})) == 4


def test_the_objective_of_a_run(tmp_path: Path) -> None:
    leave_run(Task("", (), tmp_path, tmp_path / "x"), 0.5)
    settings = asked_for(list(WORDS), tmp_path).config.sweep.search
    from dataclasses import replace

    assert objective_of(tmp_path, settings) == 0.5
    assert objective_of(tmp_path, replace(settings, metric="heldout/mean")) == 0.375
    assert objective_of(tmp_path, replace(settings, metric="reward/mean", last_steps=3)) == pytest.approx(0.29)
    with pytest.raises(RunError, match="no policy/entropy"):
        objective_of(tmp_path, replace(settings, metric="policy/entropy"))
