"""Limits for a job's whole tree: v2 where it is delegated, v1 where it can be written, none said aloud."""

from __future__ import annotations

import errno
import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.worker.conftest import MIB, RunCode, bubblewrap_or_skip

from tensorgrid.domain.jobs import ExitClass
from tensorgrid_worker.sandbox import cgroups, choose
from tensorgrid_worker.sandbox.cgroups import Cgroups, GroupLimits, find


def unified(tmp_path: Path, *, offered: str = "cpu memory pids", enabled: str = "memory pids cpu") -> tuple[Path, Path]:
    """A tree of plain files that looks like a delegated v2 group, and the membership that names it."""
    base = tmp_path / "cgroup" / "worker.service"
    base.mkdir(parents=True)
    (tmp_path / "cgroup" / "cgroup.controllers").write_text(offered)
    for name, text in (("controllers", offered), ("subtree_control", enabled), ("procs", str(os.getpid()))):
        (base / f"cgroup.{name}").write_text(text)
    (tmp_path / "self").write_text("0::/worker.service\n")
    return tmp_path / "cgroup", tmp_path / "self"


def test_find__v2_delegated__what_the_kernel_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    # A plain file keeps what was written; the kernel lists what it took.
    monkeypatch.setattr(cgroups, "_write", lambda path, text: written.append(f"{path.name} {text}"))
    found = find(*unified(tmp_path, enabled="memory pids"))
    assert written == ["cgroup.subtree_control +memory +pids +cpu"]
    assert (found.version, found.describe()) == (2, "cgroup v2: memory, pids")


def test_find__v2_with_our_process_in_it__moves_it_to_a_leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def kernel(path: Path, text: str) -> None:
        written.append(f"{path.parent.name}/{path.name} {text}")
        if len(written) == 1:
            raise OSError(errno.EBUSY, "a group with processes cannot be divided")

    monkeypatch.setattr(cgroups, "_write", kernel)
    assert find(*unified(tmp_path)).version == 2
    assert written[1:] == [
        f"{cgroups.OWN_LEAF}/cgroup.procs {os.getpid()}",
        "worker.service/cgroup.subtree_control +memory +pids +cpu",
    ]


def test_find__v2_shared_with_others__not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_path: Path, _text: str) -> None:
        raise OSError(errno.EBUSY, "busy")

    root, membership = unified(tmp_path)
    (root / "worker.service" / "cgroup.procs").write_text(f"1\n{os.getpid()}\n")
    monkeypatch.setattr(cgroups, "_write", busy)
    assert find(root, membership).version == 0


def test_group__v2__limits_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(cgroups, "_write", lambda path, text: written.append(f"{path.name} {text}"))
    Cgroups(2, dict.fromkeys(cgroups.CONTROLLERS, tmp_path)).group(GroupLimits(5 << 20, 10, 2))
    assert written == ["memory.max 5242880", "memory.oom.group 1", "pids.max 18", "cpu.max 200000 100000"]


def test_group__two_lists_of_one_process__no_two_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_write", lambda _path, _text: None)
    for _ in range(2):
        Cgroups(2, dict.fromkeys(cgroups.CONTROLLERS, tmp_path)).group(GroupLimits())
    assert len(list(tmp_path.iterdir())) == 2


def test_mine__many_threads_at_once__looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Barrier(4)
    monkeypatch.setattr(cgroups, "_found", functools.cache(lambda: Cgroups(0, {})))

    def ask(_: int) -> Cgroups:
        begun.wait(timeout=60)
        return cgroups.mine()

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert len(set(map(id, pool.map(ask, range(4))))) == 1


def test_group__v2__memory_out_is_read_from_events(tmp_path: Path) -> None:
    group = cgroups.Group({"memory": tmp_path, "pids": tmp_path}, 2)
    assert not group.memory_ran_out()
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert not group.memory_ran_out()
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 2\noom_group_kill 1\n")
    assert group.memory_ran_out()


def test_group__v2__killed_in_one_stroke(tmp_path: Path) -> None:
    (tmp_path / "cgroup.kill").write_text("")
    cgroups.Group({"memory": tmp_path, "pids": tmp_path}, 2).kill()
    assert (tmp_path / "cgroup.kill").read_text() == "1"


@pytest.mark.parametrize("lines", ["", "0::/\n", "4:memory:/gone\n8:pids:/gone\n"])
def test_find__nothing_of_ours__none_said_aloud(lines: str, tmp_path: Path) -> None:
    (tmp_path / "self").write_text(lines)
    found = find(tmp_path / "cgroup", tmp_path / "self")
    assert (found.version, found.group(GroupLimits(1, 1, 1))) == (0, None)
    assert "per process" in found.describe()


def test_find__no_proc__none(tmp_path: Path) -> None:
    assert find(tmp_path, tmp_path / "missing").version == 0


def test_root__without_a_pids_group__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(cgroups, "mine", lambda: Cgroups(0, {}))
    assert "allow_root" in str(choose.root_problem())
    monkeypatch.setattr(cgroups, "mine", lambda: Cgroups(1, {"pids": Path("/nowhere")}))
    assert choose.root_problem() is None
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(cgroups, "mine", lambda: Cgroups(0, {}))
    assert choose.root_problem() is None


def groups_with(*controllers: str) -> Cgroups:
    found = cgroups.mine()
    if not all(map(found.limits, controllers)):
        pytest.skip(f"this machine gives us no {' and '.join(controllers)} cgroup: {found.describe()}")
    return found


def test_attack_fork_bomb__whole_job__stopped(run_code: RunCode) -> None:
    groups_with("pids")
    run = run_code(
        bubblewrap_or_skip(),
        "import os, time\ndef job():\n    for _ in range(600):\n        if not os.fork():\n            time.sleep(30)",
    )
    assert run.exit is ExitClass.RAISED and b"BlockingIOError" in run.log


def test_attack_memory__spread_over_processes__memory_limit(run_code: RunCode) -> None:
    groups_with("memory")
    run = run_code(
        bubblewrap_or_skip(),
        """
        import os, time
        def job():
            for _ in range(10):
                if not os.fork():
                    hoard = b"x" * (100 << 20)
                    time.sleep(20)
                    os._exit(0)
            time.sleep(20)
            return {}
        """,
        memory_bytes=256 * MIB,
        wall_seconds=20,
    )
    assert run.exit is ExitClass.MEMORY_LIMIT, run.log.decode()


def test_groups__after_a_run__are_gone(run_code: RunCode) -> None:
    found = groups_with("pids")
    run_code(bubblewrap_or_skip(), "def job():\n    return {}")
    left = [path for base in found.folders.values() for path in base.glob(f"{cgroups.PREFIX}{os.getpid()}-*")]
    assert left == []


def test_groups__of_a_daemon_that_was_killed__swept_at_the_next_start() -> None:
    found = groups_with("pids")
    dead = found.folders["pids"] / f"{cgroups.PREFIX}4194399-5-{cgroups._namespace()}-0"  # beyond the largest id
    dead.mkdir()
    find()
    assert not dead.exists()


def test_groups__of_a_daemon_whose_number_another_process_has_now__swept() -> None:
    found = groups_with("pids")
    dead = found.folders["pids"] / f"{cgroups.PREFIX}{os.getpid()}-5-{cgroups._namespace()}-0"
    dead.mkdir()
    find()
    assert not dead.exists()


@pytest.mark.parametrize("name", ["4194399-5-1-0", "4194399-0", "4194399"])
def test_attack_group_of_a_daemon_in_another_container__is_let_alone(name: str) -> None:
    """Its process number says nothing here, and killing its jobs would cost it their stake."""
    found = groups_with("pids")
    foreign = found.folders["pids"] / f"{cgroups.PREFIX}{name}"
    foreign.mkdir()
    try:
        find()
        assert foreign.exists()
    finally:
        foreign.rmdir()


def test_groups__of_a_daemon_that_runs__stay() -> None:
    found = groups_with("pids")
    made = found.group(cgroups.GroupLimits(processes=9))
    assert made is not None
    find()
    assert all(folder.exists() for folder in made.each())
    made.remove()


def test_run__machine_without_cgroups__runs_all_the_same(run_code: RunCode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once bubblewrap was told to speak on a line that nobody read, and died of it."""
    monkeypatch.setattr(cgroups, "mine", lambda: Cgroups(0, {}))
    for _ in range(5):
        run = run_code(bubblewrap_or_skip(), "def job():\n    return {}")
        assert run.exit is ExitClass.OK, run.log.decode()
