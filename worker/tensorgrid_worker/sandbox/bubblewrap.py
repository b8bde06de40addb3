"""bubblewrap: own namespaces of every kind, no network, no capability, no file but the job's and Python's."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid_worker.runtime.launch import words
from tensorgrid_worker.sandbox import cgroups, seccomp
from tensorgrid_worker.sandbox.base import Child, Launch, python_folders, runner_argv

INPUTS, OUTPUT, STATES = "/job/in", "/job/out/payload.safetensors", "/job/out/states"
NOBODY = "65534"
TMP, SHM = "/tmp", "/dev/shm"  # noqa: S108 - mounts of its own
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")
CHECK_SECONDS = 60
OOM_SCORE = "1000"  # the kernel's first choice


class Bubblewrap:
    """`hidden`: folders that must stay unseen even when they lie inside one that Python needs (keys, journal)."""

    name = "bubblewrap"

    def __init__(self, *, hidden: Sequence[Path] = (), python: str = sys.executable) -> None:
        self._bwrap = shutil.which("bwrap") or ""
        self._python = python
        self._hidden = [path.resolve() for path in hidden]
        self._filter = seccomp.program()
        self._disable_userns: bool | None = None
        self._choom: list[str] | None = None

    @property
    def filtered(self) -> bool:
        """Whether system calls are filtered too (libseccomp was found)."""
        return self._filter is not None

    def check(self) -> None:
        if not self._bwrap:
            raise SandboxUnavailable(
                "bubblewrap is missing: install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install "
                "bubblewrap), or set allow_no_sandbox = true on a machine that you can afford to lose"
            )
        probe = [self._python, "-s", "-P", "-c", "import tensorgrid_worker.runtime.runner"]
        launch = Launch(Path("/"), Path("/"), {}, {}, (), 1 << 20)
        with self._descriptors(self._arguments(launch, job=False)) as (options, passed):
            try:
                done = subprocess.run(
                    [self._bwrap, *options, "--", *probe],
                    pass_fds=passed,
                    env={},
                    capture_output=True,
                    timeout=CHECK_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise SandboxUnavailable(
                    f"bubblewrap did not answer in {CHECK_SECONDS} s; try by hand: {self._bwrap} --unshare-all "
                    "--ro-bind / / true"
                ) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-400:]
            raise SandboxUnavailable(
                f"bubblewrap does not work here: {said}; allow user namespaces (sysctl user.max_user_namespaces, "
                "kernel.apparmor_restrict_unprivileged_userns=0), or set allow_no_sandbox = true"
            )

    def start(self, launch: Launch) -> Child:
        arguments = words(launch.runner, INPUTS, OUTPUT)
        group = cgroups.mine().group(launch.whole)
        with self._descriptors(self._arguments(launch)) as (options, passed), _Gate(group) as gate:
            process = subprocess.Popen(
                [
                    *self._first_to_go(),
                    self._bwrap,
                    *options,
                    *gate.options,
                    "--",
                    *runner_argv(self._python, arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=launch.log_fd,
                stderr=subprocess.STDOUT,
                env={},  # /proc/1/environ inside is bubblewrap's own
                pass_fds=(*launch.pass_fds, *passed, *gate.far),
                start_new_session=True,
            )
            child = Child(process, group)
            try:
                gate.open_for(process.pid)
            except BaseException:
                child.kill()
                raise
        return child

    def describe(self) -> str:
        calls = "system calls filtered" if self.filtered else "system calls NOT filtered (libseccomp is missing)"
        return f"bubblewrap; {calls}; {cgroups.mine().describe()}"

    def _arguments(self, launch: Launch, job: bool = True) -> list[str]:
        words = ["--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY, "--hostname", "job"]
        words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
        if self._supports_disable_userns():
            words += ["--disable-userns"]
        # The private /tmp comes before what may lie in the host's: a checkout or an environment, for instance.
        words += ["--size", str(launch.tmp_bytes), "--tmpfs", TMP]
        words += [*self._system, *self._python_binds(), "--proc", "/proc", "--dev", "/dev"]
        # To the kernel a root user's job still owns /proc/sys: only a read-only mount keeps it from writing there.
        words += ["--remount-ro", "/proc"]
        for device in launch.devices:
            words += ["--dev-bind", str(device), str(device)]
        words += ["--size", str(launch.tmp_bytes), "--tmpfs", SHM, "--remount-ro", "/dev"]
        if job:
            # The output is one file that exists already: it cannot be replaced by a link, a pipe or a device.
            words += ["--ro-bind", str(launch.inputs), INPUTS, "--bind", str(launch.output), OUTPUT]
            if launch.states is not None:
                words += ["--bind", str(launch.states), STATES]
        # Last, or nothing could be mounted any more: the root is a tmpfs without a size limit.
        words += ["--remount-ro", "/", "--chdir", TMP]
        for name, value in launch.environment.items():
            words += ["--setenv", name, value]
        return words

    @functools.cached_property
    def _folders(self) -> list[Path]:
        return [folder for folder in python_folders() if not folder.is_relative_to("/usr")]

    @functools.cached_property
    def _system(self) -> list[str]:
        words: list[str] = []
        for folder in map(Path, SYSTEM_FOLDERS):
            if folder.is_symlink():
                words += ["--symlink", str(folder.readlink()), str(folder)]
            elif folder.is_dir():
                words += ["--ro-bind", str(folder), str(folder)]
        for file in SYSTEM_FILES:
            words += ["--ro-bind-try", file, file]
        return words

    def _python_binds(self) -> list[str]:
        words: list[str] = []
        folders = self._folders
        for folder in folders:
            words += ["--ro-bind", str(folder), str(folder)]
        for path in self._hidden:
            if path.is_dir() and any(path.is_relative_to(folder.resolve()) for folder in [*folders, Path("/usr")]):
                words += ["--tmpfs", str(path), "--remount-ro", str(path)]
        return words

    def _supports_disable_userns(self) -> bool:
        if self._disable_userns is None:
            shown = subprocess.run([self._bwrap, "--help"], capture_output=True, env={}, timeout=10, check=False)
            self._disable_userns = b"--disable-userns" in shown.stdout
        return self._disable_userns

    def _first_to_go(self) -> list[str]:
        """Words before bubblewrap's: a machine out of memory kills the job, whose limits are per process, not us."""
        if self._choom is None:
            words = [shutil.which("choom") or "", "-n", OOM_SCORE, "--"]
            works = (
                bool(words[0])
                and not subprocess.run(
                    [*words, self._bwrap, "--version"], capture_output=True, env={}, timeout=10, check=False
                ).returncode
            )
            self._choom = words if works else []
        return self._choom

    def _descriptors(self, arguments: list[str]) -> _Descriptors:
        return _Descriptors(arguments, self._filter)


class _Descriptors:
    """Options through a descriptor, so that /proc/1/cmdline inside does not show the host's paths."""

    def __init__(self, arguments: list[str], bpf: bytes | None) -> None:
        self._arguments, self._bpf = arguments, bpf
        self._open: list[int] = []

    def __enter__(self) -> tuple[list[str], tuple[int, ...]]:
        arguments = list(self._arguments)
        if self._bpf is not None:
            self._open.append(seccomp.as_descriptor(self._bpf))
            arguments += ["--seccomp", str(self._open[-1])]
        packed = b"".join(os.fsencode(word) + b"\0" for word in arguments)
        self._open.append(seccomp.as_descriptor(packed))
        return ["--args", str(self._open[-1])], tuple(self._open)

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open:
            os.close(descriptor)


class _Gate:
    """Holds the job's first process until it stands in its group: none of its children can be born outside.

    Without a group there is nothing to wait for, and nothing is asked of bubblewrap.
    """

    def __init__(self, group: cgroups.Group | None) -> None:
        self._group = group
        self.far: tuple[int, ...] = ()
        self._near: tuple[int, ...] = ()
        self.options: list[str] = []
        if group is not None:
            self._told, tells = os.pipe()
            waits, self._go = os.pipe()
            self.far, self._near = (tells, waits), (self._told, self._go)
            self.options = ["--info-fd", str(tells), "--block-fd", str(waits)]

    def open_for(self, launcher: int) -> None:
        """Let it run. A bubblewrap that failed tells nothing; its own words then stand in the log."""
        self._close_far()
        if self._group is None:
            return
        self._group.add(launcher)
        first = self._first_process()
        if first is not None:
            self._group.add(first)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"1")

    def _first_process(self) -> int | None:
        told = b""
        while select.select([self._told], [], [], CHECK_SECONDS)[0]:
            more = os.read(self._told, 4096)
            told += more
            if not more:
                break
        try:
            return int(json.loads(told)["child-pid"])
        except (ValueError, KeyError):
            return None

    def _close_far(self) -> None:
        for descriptor in self.far:
            os.close(descriptor)
        self.far = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_far()
        for descriptor in self._near:
            os.close(descriptor)
