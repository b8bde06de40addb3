"""podman or docker: the same wall as bubblewrap's, where an engine is at hand rather than user namespaces.

No stranger's image ever runs. The root is an empty one of our own making with the host's system and Python bound into
it read-only, or an image that the operator names. The engine's GPU hooks are not used: the assigned device nodes are
passed as they are, so a fault in those hooks is no way out.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid_worker.runtime.launch import words as runner_words
from tensorgrid_worker.sandbox import rootfs, seccomp
from tensorgrid_worker.sandbox.base import Child, Launch, python_folders
from tensorgrid_worker.sandbox.relay import Relays

ENGINES = ("podman", "docker")  # podman first: it needs no daemon and no root
ATTACH = "tensorgrid_worker.runtime.attach"
INPUTS, OUTPUT, PIPES = "/job/in", "/job/out/payload.safetensors", "/job/pipes"
STATES = "/job/out/states"
TMP = "/tmp"  # noqa: S108 - a mount of its own
LABEL = "tensorgrid.worker"
ANSWER_SECONDS, CHECK_SECONDS = 20, 120


class Container:
    """`image`: one that the operator made, with Python at `python` and this package; empty: the host's, bound."""

    name = "container"

    def __init__(self, *, hidden: Sequence[Path] = (), image: str = "", python: str = "") -> None:
        self._engine = next((found for name in ENGINES if (found := shutil.which(name))), "")
        self._hidden = [path.resolve() for path in hidden]
        self._own_image = image
        self._python = python or ("python3" if image else sys.executable)
        self._image = image or rootfs.name_of(_folders())

    @property
    def _kind(self) -> str:
        return Path(self._engine).name

    def describe(self) -> str:
        return f"container by {self._kind or 'no engine'}; image {self._image}; limits by the engine's cgroups"

    def check(self) -> None:
        if not self._engine:
            raise SandboxUnavailable("no container engine: install podman (rootless), or use bubblewrap")
        if os.geteuid() == 0:
            raise SandboxUnavailable(
                'sandbox = "container" needs a worker that is not root: run it as a user of its own, or use bubblewrap'
            )
        asks = ["version", "--format", "{{.Server.Version}}"] if self._kind == "docker" else ["info"]
        self._ask(asks, ANSWER_SECONDS, f"start it, or give this user the right to use it ({self._kind} info)")
        self._sweep()
        if not self._own_image:
            self._make_image()
        with tempfile.TemporaryDirectory(prefix="tensorgrid-check-") as text:
            folder = Path(text)
            (folder / "in").mkdir()
            (folder / "out").touch()
            launch = Launch(folder / "in", folder / "out", {}, {}, (), 1 << 20)
            profile = self._profile(folder)
            words = self._words(launch, f"tensorgrid-check-{secrets.token_hex(4)}", profile, None)
            probe = ["-s", "-P", "-c", f"import {ATTACH}, tensorgrid_worker.runtime.runner"]
            self._ask(["run", *words, *probe], CHECK_SECONDS, "allow it there, or use bubblewrap")

    def start(self, launch: Launch) -> Child:
        name = f"tensorgrid-{os.getpid()}-{secrets.token_hex(6)}"
        folder = Path(tempfile.mkdtemp(prefix="tensorgrid-pipes-"))
        try:
            arguments = runner_words(launch.runner, INPUTS, OUTPUT)
            words = self._words(launch, name, self._profile(folder), folder)
            relays = Relays(folder, launch.pass_fds)
            inside = ["-s", "-P", "-m", ATTACH, *(f"{fd}={PIPES}/{fd}" for fd in launch.pass_fds), "--", *arguments]
            process = subprocess.Popen(
                [self._engine, "run", *words, *inside],
                stdin=subprocess.DEVNULL,
                stdout=launch.log_fd,
                stderr=subprocess.STDOUT,
                env=_engine_environment(),
                start_new_session=True,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        relays.start()
        return _Contained(process, relays, folder, lambda: self._remove(name))

    def _words(self, launch: Launch, name: str, profile: Path, pipes: Path | None) -> list[str]:
        """Everything between `run` and the command's own words."""
        words = ["--rm", "--pull", "never", "--name", name, "--label", f"{LABEL}={os.getpid()}"]
        words += ["--network", "none", "--ipc", "private", "--hostname", "job", "--read-only", "--cap-drop", "all"]
        words += ["--security-opt", "no-new-privileges", "--security-opt", f"seccomp={profile}"]
        words += ["--log-driver", "none", "--ulimit", "core=0", "--user", f"{os.getuid()}:{os.getgid()}"]
        if self._kind == "podman":
            words += ["--userns", "keep-id"]  # else the files' owner is somebody else inside
        words += self._limits(launch)
        words += ["--tmpfs", f"{TMP}:rw,nosuid,nodev,size={launch.tmp_bytes}", "--shm-size", str(launch.tmp_bytes)]
        words += _bind(launch.inputs, INPUTS) + _bind(launch.output, OUTPUT, writable=True)
        if launch.states is not None:
            words += _bind(launch.states, STATES, writable=True)
        if pipes is not None:
            words += _bind(pipes, PIPES)  # read-only lets named pipes be written to, and no file be made on our disk
        if not self._own_image:
            for folder in _folders():
                words += _bind(folder, str(folder))
            words += self._covers()
        for device in launch.devices:
            words += ["--device", str(device)]
        for key, value in launch.environment.items():
            words += ["--env", f"{key}={value}"]
        return [*words, "--workdir", TMP, "--entrypoint", self._python, self._image]

    @staticmethod
    def _limits(launch: Launch) -> list[str]:
        words: list[str] = []
        if launch.whole.memory_bytes:
            words += ["--memory", str(launch.whole.memory_bytes), "--memory-swap", str(launch.whole.memory_bytes)]
        if launch.whole.processes:
            words += ["--pids-limit", str(launch.whole.processes)]
        if launch.whole.threads:
            words += ["--cpus", str(launch.whole.threads)]
        return words

    def _covers(self) -> list[str]:
        words: list[str] = []
        for path in self._hidden:
            if path.is_dir() and any(path.is_relative_to(folder.resolve()) for folder in _folders()):
                words += ["--tmpfs", f"{path}:ro,size=4k"]
        return words

    def _profile(self, folder: Path) -> Path:
        path = folder / "seccomp.json"
        path.write_text(json.dumps(seccomp.engine_profile()))
        path.chmod(0o444)
        return path

    def _make_image(self) -> None:
        known = subprocess.run(
            [self._engine, "image", "inspect", self._image],
            capture_output=True,
            env=_engine_environment(),
            timeout=ANSWER_SECONDS,
            check=False,
        )
        if known.returncode:
            self._ask(["import", "-", self._image], CHECK_SECONDS, "free some disk", rootfs.archive(_folders()))

    def _sweep(self) -> None:
        """Containers of a worker that was killed: an engine's children do not die with us."""
        shown = self._ask(
            ["ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.Names}}"], ANSWER_SECONDS, "see its log"
        )
        for name in shown.split():
            owner = name.split("-")[1] if name.startswith("tensorgrid-") else ""
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [self._engine, "rm", "--force", name],
                capture_output=True,
                env=_engine_environment(),
                timeout=ANSWER_SECONDS,
                check=False,
            )

    def _ask(self, words: list[str], seconds: float, advice: str, given: bytes | None = None) -> str:
        command = [self._engine, *words]
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, env=_engine_environment(), timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise SandboxUnavailable(f"{self._kind} {words[0]} did not answer in {seconds} s; {advice}") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-400:]
            raise SandboxUnavailable(f"{self._kind} {words[0]} failed: {said}; {advice}")
        return done.stdout.decode(errors="replace")


class _Contained(Child):
    """The engine's client is our child; the container is not, and is removed by name."""

    def __init__(
        self, process: subprocess.Popen[bytes], relays: Relays, folder: Path, remove: Callable[[], None]
    ) -> None:
        super().__init__(process)
        self._relays, self._folder, self._remove = relays, folder, remove

    def wait(self, timeout: float) -> int | None:
        code = super().wait(timeout)
        if code is not None:
            self._relays.finish()  # what the job said last is not lost
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self._remove()
        super().kill()
        self._relays.finish()
        shutil.rmtree(self._folder, ignore_errors=True)


def _folders() -> list[Path]:
    return [*rootfs.system_folders(), *(folder for folder in python_folders() if not folder.is_relative_to("/usr"))]


def _bind(source: Path, target: str, *, writable: bool = False) -> list[str]:
    if "," in f"{source}{target}":
        raise SandboxUnavailable(f"{source}: an engine's --mount takes no comma in a path; rename that folder")
    return ["--mount", f"type=bind,source={source},target={target}" + ("" if writable else ",readonly")]


def _engine_environment() -> dict[str, str]:
    """What the client needs to find its engine; nothing of it goes inside."""
    kept = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST", "DBUS_SESSION_BUS_ADDRESS")
    return {name: os.environ[name] for name in kept if name in os.environ}
