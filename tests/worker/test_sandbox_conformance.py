"""What every sandbox must do, ours and a third party's: give `wall` yours and run this file.

A sandbox is anything that speaks `tensorgrid_worker.sandbox.base.Sandbox`. What it must keep out is in scripts/probes;
here is what it must let through, what it must report, and what it must never leave behind.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from threading import Event

import pytest
from tests.worker.conftest import MIB, MakeTask, RunCode

from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid_worker.jobs.executor import Executor, RunStopped
from tensorgrid_worker.sandbox.base import Sandbox


def test_describe__one_line_for_doctor(wall: Sandbox) -> None:
    assert wall.name in wall.describe() and "\n" not in wall.describe()


def test_result_log_and_points__come_out(wall: Sandbox, run_code: RunCode) -> None:
    points: list[object] = []
    source = """
        import tensorgrid.metrics
        def job(a):
            print("said")
            tensorgrid.metrics.report(step=1, loss=0.5)
            return {"double": 2 * a}
        """
    run = run_code(wall, source, arguments={"a": 4}, points=points)
    assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
    assert json_of_payload(run.payload) == {"double": 8}
    assert b"said" in run.log and len(points) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('mine')", ExitClass.RAISED),
        ("import os; os._exit(3)", ExitClass.RAISED),
        ("import os; os.kill(os.getpid(), 11)", ExitClass.RAISED),
        ("return {'x': len(bytearray(2 << 30))}", ExitClass.MEMORY_LIMIT),
        ("return {'x': 'y' * (2 << 20)}", ExitClass.OUTPUT_TOO_LARGE),
        ("while True: pass", ExitClass.WALL_LIMIT),
        ("import signal, time\n    signal.signal(15, signal.SIG_IGN)\n    time.sleep(60)", ExitClass.WALL_LIMIT),
    ],
)
def test_end__of_every_kind__is_told(wall: Sandbox, run_code: RunCode, body: str, expected: ExitClass) -> None:
    run = run_code(wall, f"def job():\n    {body}", wall_seconds=2, memory_bytes=256 * MIB, output_bytes=MIB)
    assert run.exit is expected, run.log.decode()


def test_environment__is_the_launchs_alone(wall: Sandbox, run_code: RunCode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORGRID_WORKER_SECRET", "s3cret")
    run = run_code(wall, "import os\ndef job():\n    return {'e': sorted(os.environ), 'v': list(os.environ.values())}")
    assert run.payload is not None
    assert "s3cret" not in json_of_payload(run.payload)["v"]
    assert not [name for name in json_of_payload(run.payload)["e"] if name.startswith("TENSORGRID_WORKER")]


def test_children__of_a_job_that_ended__are_gone(wall: Sandbox, run_code: RunCode, tmp_path: Path) -> None:
    mark = f"left-{os.getpid()}-{time.monotonic_ns()}"
    run = run_code(
        wall,
        f"""
        import os, subprocess, sys
        def job():
            for _ in range(3):
                subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)", "{mark}"],
                                 start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
            return {{}}
        """,
    )
    assert run.exit is ExitClass.OK, run.log.decode()
    assert not _running(mark)


def test_stop__ends_it_soon_and_whole(wall: Sandbox, make_task: MakeTask) -> None:
    mark = f"stopped-{os.getpid()}-{time.monotonic_ns()}"
    source = f"""
        import subprocess, sys
        def job():
            subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(60)", "{mark}"])
        """
    stop = Event()
    timer = threading.Timer(1.5, stop.set)
    timer.start()
    with pytest.raises(RunStopped):
        Executor(wall, tmp_bytes=MIB, processes=64).run(make_task(source), on_point=lambda _: None, stop=stop)
    assert not _running(mark)


def test_two_at_once__do_not_see_each_other(wall: Sandbox, make_task: MakeTask) -> None:
    source = """
        import os, time
        def job(name):
            open("/tmp/" + name, "w").close()
            time.sleep(0.5)
            return {"files": [f for f in os.listdir("/tmp") if f in ("one", "two")]}
        """
    executor = Executor(wall, tmp_bytes=MIB, processes=64)
    seen: dict[str, object] = {}

    def go(name: str) -> None:
        run = executor.run(make_task(source, arguments={"name": name}), on_point=lambda _: None, stop=Event())
        assert run.payload is not None, run.log.decode()
        seen[name] = json_of_payload(run.payload)["files"]

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == {"one": ["one"], "two": ["two"]}


def _running(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found
