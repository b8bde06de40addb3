"""Control groups: limits that count a job together with everything it starts. v2 where it is delegated to us, v1 where
it can be written, or none.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
CONTROLLERS = ("memory", "pids", "cpu")
PREFIX = "tensorgrid-"
_NAME = re.compile(PREFIX + r"(?P<pid>\d{1,10})-(?P<born>\d{1,20})-(?P<namespace>\d{1,20})-\d+")
OWN_LEAF = "tensorgrid-daemon"
"""v2 lets no group hold both processes and limited children: the daemon moves here."""
PERIOD_US = 100_000
LAUNCHER_PROCESSES = 8
"""The sandbox's own, which count too."""


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """For the whole tree of a job. 0: no limit of that kind."""

    memory_bytes: int = 0
    processes: int = 0
    threads: int = 0


NO_LIMITS = GroupLimits()


class Group:
    """One job's groups, one folder per controller (v2: the same one for all)."""

    def __init__(self, folders: Mapping[str, Path], version: int) -> None:
        self._folders, self._version = dict(folders), version

    def add(self, pid: int) -> None:
        """Move a process, and what it starts from now on. One that has ended is no error. Raises OSError."""
        for folder in self.each():
            try:
                _write(folder / "cgroup.procs", str(pid))
            except ProcessLookupError:
                return

    def kill(self) -> None:
        """Everything in it, at once where the kernel offers that. Idempotent."""
        for folder in self.each():
            if (folder / "cgroup.kill").exists():
                with contextlib.suppress(OSError):
                    _write(folder / "cgroup.kill", "1")
                    continue
            for _ in range(3):  # a fork bomb may be faster than one look; pids.max bounds it
                if not _kill_all(folder):
                    break

    def memory_ran_out(self) -> bool:
        """Whether the kernel killed something in it for want of memory."""
        folder = self._folders.get("memory")
        if folder is None:
            return False
        try:
            text = (folder / ("memory.events" if self._version == 2 else "memory.oom_control")).read_text()
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in text.splitlines())

    def remove(self) -> None:
        """A group that still dies is given a moment; one that cannot be removed stays for the next start's sweep."""
        for folder in self.each():
            for _ in range(50):
                try:
                    folder.rmdir()
                except OSError as error:
                    if error.errno != errno.EBUSY:
                        break
                    time.sleep(0.01)
                else:
                    break

    def each(self) -> Iterator[Path]:
        """Its folders."""
        return iter(dict.fromkeys(self._folders.values()))


_numbers = itertools.count()
"""Of this process's groups: no two have one name, whoever made them."""


class Cgroups:
    """What this machine gives us: version 2, 1 or 0 (none), and the folder of each controller that we may use."""

    def __init__(self, version: int, folders: Mapping[str, Path]) -> None:
        self.version, self.folders = version, dict(folders)
        self._owner = f"{PREFIX}{os.getpid()}-{_born(os.getpid())}-{_namespace()}"

    def describe(self) -> str:
        """For doctor: `cgroup v2: memory, pids, cpu` or what it means that there are none."""
        if self.folders:
            return f"cgroup v{self.version}: {', '.join(name for name in CONTROLLERS if name in self.folders)}"
        return "no cgroups: memory is limited per process, not per job"

    def limits(self, controller: str) -> bool:
        return controller in self.folders

    def group(self, limits: GroupLimits) -> Group | None:
        """A new group with these limits, empty; None where there are no groups. Raises OSError."""
        if not self.folders:
            return None
        name = f"{self._owner}-{next(_numbers)}"
        made = Group({controller: base / name for controller, base in self.folders.items()}, self.version)
        try:
            for folder in made.each():
                folder.mkdir()
            for controller, file, value in _settings(limits, self.version):
                if controller in self.folders:
                    _write(self.folders[controller] / name / file, value)
        except OSError:
            made.remove()
            raise
        return made


def find(root: Path = ROOT, membership: Path = MEMBERSHIP) -> Cgroups:
    """Prepare what there is, and sweep what a killed daemon left. Never raises: none is an answer."""
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return Cgroups(0, {})
    places = {name: place for _, names, place in lines for name in (names.split(",") if names else [""])}
    found = Cgroups(0, {})
    for version, folders in ((2, _unified(root, places.get(""))), (1, _legacy(root, places))):
        if folders:
            found = Cgroups(version, folders)
            break
    for base in set(found.folders.values()):
        _sweep(base, found.version)
    return found


def mine() -> Cgroups:
    """`find()` for this process, once, whichever of its threads asks first."""
    with _ONCE:
        return _found()


_ONCE = threading.Lock()
_found = functools.cache(find)


def _unified(root: Path, place: str | None) -> dict[str, Path]:
    """v2 folders, when our own group is ours to divide (systemd: Delegate=yes)."""
    if place is None or not (root / "cgroup.controllers").exists():
        return {}
    base = root / place.lstrip("/")
    if base.name == OWN_LEAF:
        base = base.parent
    try:
        offered = (base / "cgroup.controllers").read_text().split()
        wanted = [name for name in CONTROLLERS if name in offered]
        if not wanted or not os.access(base, os.W_OK):
            return {}
        _divide(base, wanted)
        enabled = (base / "cgroup.subtree_control").read_text().split()
    except OSError:
        return {}
    return {name: base for name in wanted if name in enabled}


def _divide(base: Path, wanted: list[str]) -> None:
    words = " ".join(f"+{name}" for name in wanted)
    try:
        _write(base / "cgroup.subtree_control", words)
    except OSError as error:
        if error.errno != errno.EBUSY or (base / "cgroup.procs").read_text().split() != [str(os.getpid())]:
            raise  # others live in this group: it is not ours
        leaf = base / OWN_LEAF
        leaf.mkdir(exist_ok=True)
        _write(leaf / "cgroup.procs", str(os.getpid()))
        _write(base / "cgroup.subtree_control", words)


def _legacy(root: Path, places: Mapping[str, str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name in CONTROLLERS:
        base = root / name / places.get(name, "/").lstrip("/")
        if name in places and (base / "cgroup.procs").exists() and os.access(base, os.W_OK):
            trial = base / f"{PREFIX}{os.getpid()}-trial"  # permission bits do not tell of read-only mounts
            with contextlib.suppress(OSError):
                trial.mkdir(exist_ok=True)
                trial.rmdir()
                folders[name] = base
    return folders


def _settings(limits: GroupLimits, version: int) -> Iterator[tuple[str, str, str]]:
    unified = version == 2
    if limits.memory_bytes:
        bytes_ = str(limits.memory_bytes)
        yield "memory", "memory.max" if unified else "memory.limit_in_bytes", bytes_
        if unified:
            yield "memory", "memory.oom.group", "1"  # the job dies as a whole, not a part of it
    if limits.processes:
        yield "pids", "pids.max", str(limits.processes + LAUNCHER_PROCESSES)
    if limits.threads:
        quota = limits.threads * PERIOD_US
        if unified:
            yield "cpu", "cpu.max", f"{quota} {PERIOD_US}"
        else:
            yield "cpu", "cpu.cfs_period_us", str(PERIOD_US)
            yield "cpu", "cpu.cfs_quota_us", str(quota)


def _sweep(base: Path, version: int) -> None:
    """Groups of daemons that are gone. Of those of another process namespace we can see neither daemons nor numbers:
    they are let alone, and so is a name that we never gave."""
    for folder in base.glob(f"{PREFIX}*"):
        named = _NAME.fullmatch(folder.name)
        if named is None or named["namespace"] != _namespace():
            continue
        if _born(int(named["pid"])) != named["born"]:  # gone, or its number is another process's by now
            left = Group({"": folder}, version)
            left.kill()
            left.remove()


def _born(pid: int) -> str:
    """When that process was started, in ticks of the kernel's clock; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _namespace() -> str:
    """Whose process numbers ours are."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "0"


def _kill_all(folder: Path) -> int:
    try:
        pids = [int(word) for word in (folder / "cgroup.procs").read_text().split()]
    except OSError:
        return 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def _write(path: Path, text: str) -> None:
    # Not Path.write_text: opening with O_TRUNC or O_CREAT is not for these files.
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
