"""How runs end: one suite, every sandbox."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.worker.conftest import MIB, MakeTask, RunCode

from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload, leaves_of_payload
from tensorgrid_worker.jobs.executor import Executor, RunFailed, RunStopped, collect
from tensorgrid_worker.sandbox.base import Child, Launch, Sandbox
from tensorgrid_worker.sandbox.plain import Plain


def test_run__plain_value__ok(sandbox: Sandbox, run_code: RunCode) -> None:
    run = run_code(sandbox, "def job(a, b):\n    print('hello')\n    return {'sum': a + b}", arguments={"a": 2, "b": 3})
    assert run.exit is ExitClass.OK, run.log.decode()
    assert run.payload is not None and json_of_payload(run.payload) == {"sum": 5}
    assert b"hello" in run.log
    assert b"[worker] ok after" in run.log


def test_run__arrays__come_and_go(sandbox: Sandbox, run_code: RunCode) -> None:
    import numpy as np
    import safetensors.numpy

    value = safetensors.numpy.save({"value": np.arange(6, dtype=np.float32).reshape(2, 3)})
    run = run_code(
        sandbox,
        "import numpy as np\ndef job(x):\n    return {'double': x * 2, 'mean': np.float32(x.mean())}",
        inputs={"x": ("numpy", value)},
    )
    assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
    (double,) = [leaf for leaf in leaves_of_payload(run.payload) if leaf.name]
    assert (double.dtype, double.shape) == ("F32", (2, 3))
    assert json_of_payload(run.payload) == {"mean": 2.5}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def job():\n    raise ValueError('my words')", b"ValueError: my words"),
        ("def job():\n    import sys; sys.exit(0)", b"SystemExit"),
        ("def job():\n    import os; os._exit(0)", b"no payload"),
        ("def job():\n    import os; os.kill(os.getpid(), 11)", b"status 139"),
        ("def job():\n    return 5", b"a job returns a dict"),
        ("def job():\n    return {'x': float('nan')}", b"canonical"),
        ("def job():\n    return {'x': object()}", b"canonical"),
        ("def job(:", b"SyntaxError"),
        ("x = 1", b"no attribute 'job'"),
        ("import no_such_module\ndef job(): return {}", b"ModuleNotFoundError"),
        ("def job():\n    return job()", b"RecursionError"),
    ],
)
def test_run__users_fault__raised_with_its_log(sandbox: Sandbox, run_code: RunCode, source: str, words: bytes) -> None:
    run = run_code(sandbox, source)
    assert run.exit is ExitClass.RAISED
    assert run.payload is None
    assert words in run.log


def test_run__endless__wall_limit(sandbox: Sandbox, run_code: RunCode) -> None:
    began = time.monotonic()
    run = run_code(sandbox, "def job():\n    while True: pass", wall_seconds=1)
    assert run.exit is ExitClass.WALL_LIMIT
    assert run.seconds >= 1
    assert time.monotonic() - began < 60


def test_run__deaf_to_signals__wall_limit(sandbox: Sandbox, run_code: RunCode) -> None:
    code = """
        import signal, time
        def job():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            time.sleep(600)
    """
    assert run_code(sandbox, code, wall_seconds=1).exit is ExitClass.WALL_LIMIT


@pytest.mark.parametrize(
    "hog",
    [
        "x = bytearray(2 << 30)",
        "x = []\n    while True: x.append(bytearray(1 << 24))",
        "import mmap; x = mmap.mmap(-1, 8 << 30); x.write(b'1' * (8 << 30))",
        "import numpy; x = numpy.ones(2 << 30)",
    ],
)
def test_run__memory_hog__memory_limit(sandbox: Sandbox, run_code: RunCode, hog: str) -> None:
    run = run_code(sandbox, f"def job():\n    {hog}\n    return {{}}", memory_bytes=256 * MIB)
    assert run.exit is ExitClass.MEMORY_LIMIT, run.log.decode()


def test_run__torch_hog__memory_limit(sandbox: Sandbox, run_code: RunCode) -> None:
    code = "import torch\ndef job():\n    return {'x': torch.ones(1 << 30)}"
    run = run_code(sandbox, code, memory_bytes=1024 * MIB)
    assert run.exit is ExitClass.MEMORY_LIMIT, run.log.decode()


def test_run__result_too_large(sandbox: Sandbox, run_code: RunCode) -> None:
    run = run_code(sandbox, "def job():\n    return {'x': 'y' * 5000}", output_bytes=1000)
    assert run.exit is ExitClass.OUTPUT_TOO_LARGE


def test_run__writes_too_much_itself__too_large(sandbox: Sandbox, run_code: RunCode) -> None:
    code = """
        import os, sys
        def job():
            path = sys.argv[3]
            with open(path, "wb") as file:
                file.write(b"z" * 5000)
            os._exit(0)
    """
    assert run_code(sandbox, code, output_bytes=1000).exit is ExitClass.OUTPUT_TOO_LARGE


@pytest.mark.parametrize(
    "trick", ["os.symlink('/etc/passwd', path)", "os.mkfifo(path)", "os.link('/proc/self/environ', path)"]
)
def test_run__output_replaced__never_followed(sandbox: Sandbox, run_code: RunCode, trick: str) -> None:
    code = f"""
        import os, sys
        def job():
            path = sys.argv[3]
            try:
                os.unlink(path)
                {trick}
            finally:
                os._exit(0)
    """
    run = run_code(sandbox, code)
    assert run.exit is ExitClass.RAISED
    assert run.payload is None


def test_run__shouts__log_is_capped_with_both_ends(sandbox: Sandbox, run_code: RunCode) -> None:
    run = run_code(
        sandbox, "def job():\n    print('first')\n    print('x' * 5_000_000)\n    print('last')\n    return {}"
    )
    assert run.exit is ExitClass.OK
    assert len(run.log) <= 256 * 1024
    assert run.log.startswith(b"first") and b"\nlast\n" in run.log and b"bytes left out" in run.log


def test_run__points__arrive_and_rubbish_does_not(sandbox: Sandbox, run_code: RunCode) -> None:
    points: list[Any] = []
    code = """
        import os
        import tensorgrid as tg
        def job():
            for epoch in range(3):
                tg.report(epoch=epoch, loss=1 / (epoch + 1))
            fd = int(os.environ["TENSORGRID_PROGRESS_FD"])
            os.write(fd, b'not json\\n[1]\\n{"a": {"b": 1}}\\n{"a": NaN}\\n' + b'y' * 200000 + b'\\n{"fine": 1}\\n')
            return {}
    """
    run = run_code(sandbox, code, points=points)
    assert run.exit is ExitClass.OK, run.log.decode()
    assert points == [{"epoch": e, "loss": 1 / (e + 1)} for e in range(3)] + [{"fine": 1}]


def test_run__environment__holds_nothing_of_ours(
    sandbox: Sandbox, run_code: RunCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENSORGRID_WORKER_PASSWORD", "do-not-leak")
    run = run_code(
        sandbox, "import os\ndef job(): return {'env': dict(os.environ), 'fds': sorted(os.listdir('/proc/self/fd'))}"
    )
    assert run.payload is not None, run.log.decode()
    seen = json_of_payload(run.payload)
    assert "do-not-leak" not in str(seen)
    assert seen["env"]["CUDA_VISIBLE_DEVICES"] == ""
    # stdin, stdout, stderr, the progress pipe, and the descriptor that lists them
    assert len(seen["fds"]) == 5


def test_run__leaves_children__none_survives(sandbox: Sandbox, run_code: RunCode, tmp_path: Path) -> None:
    code = """
        import os, time
        def job():
            if os.fork() == 0:
                time.sleep(3600)
            return {"done": True}
    """
    before, seed = _my_children(), secrets.token_bytes(32)
    run = run_code(sandbox, code, seed=seed)
    assert run.exit is ExitClass.OK
    deadline = time.monotonic() + 5
    while _sleepers(seed) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _sleepers(seed)
    assert _my_children() <= before


def test_run__told_to_stop__stops_and_can_run_again(sandbox: Sandbox, make_task: MakeTask) -> None:
    task = make_task("import time\ndef job():\n    time.sleep(1000)")
    executor = Executor(sandbox, tmp_bytes=MIB, processes=256)
    stop = Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(RunStopped):
        executor.run(task, on_point=lambda _: None, stop=stop)
    (task.folder / "in" / "bundle.py").write_text("def job(): return {}")
    assert executor.run(task, on_point=lambda _: None, stop=Event()).exit is ExitClass.OK


def test_run__sandbox_breaks__is_nobodys_result(make_task: MakeTask) -> None:
    class Broken(Plain):
        def start(self, launch: Launch) -> Child:
            self._python = "/bin/false"
            return super().start(launch)

    executor = Executor(Broken(), tmp_bytes=MIB, processes=256)
    with pytest.raises(RunFailed, match="before the job began"):
        executor.run(make_task("def job(): return {}"), on_point=lambda _: None, stop=Event())


def test_collect__takes_regular_files_alone(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_bytes(b"12345")
    assert collect(good, 5) == b"12345"
    assert collect(good, 3) == b"1234"
    (tmp_path / "link").symlink_to(good)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", "."):
        assert collect(tmp_path / name, 5) is None
    os.link(good, tmp_path / "second")
    assert collect(good, 5) is None
    assert collect(Path("/dev/zero"), 5) is None


def _my_children() -> set[int]:
    listed = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return {int(pid) for pid in listed}


def _sleepers(seed: bytes) -> list[int]:
    """Runners of the job with this seed, anywhere on this machine; other tests may be running jobs of their own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_runner = b"runtime.runner" in (entry / "cmdline").read_bytes()
            if is_runner and seed.hex().encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_plain__worker_killed__its_job_dies_too(make_task: MakeTask) -> None:
    """Without a sandbox nobody else would end it."""
    seed = secrets.token_bytes(32)
    task = make_task("import time\ndef job():\n    time.sleep(1000)")
    code = f"""
from pathlib import Path
from threading import Event
from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.sandbox.plain import Plain
folder = Path({str(task.folder)!r})
task = Task(JobSpec.from_bytes((folder / "in" / "spec.json").read_bytes()), bytes.fromhex("{seed.hex()}"), folder)
Executor(Plain(), tmp_bytes=1 << 20, processes=256).run(task, on_point=print, stop=Event())
"""
    with subprocess.Popen([sys.executable, "-c", code]) as worker:
        deadline = time.monotonic() + 20
        while not _sleepers(seed) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _sleepers(seed)
        worker.kill()
    while _sleepers(seed) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _sleepers(seed)
