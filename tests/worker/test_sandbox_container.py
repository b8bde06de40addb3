"""The container sandbox against a program that answers as an engine does, and what it is told to do."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest
from tests.worker.conftest import MIB, RunCode

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid_worker.sandbox import rootfs, seccomp
from tensorgrid_worker.sandbox.base import Child, Launch
from tensorgrid_worker.sandbox.cgroups import GroupLimits
from tensorgrid_worker.sandbox.container import Container

# Runs the command on the host, with the mounts' targets put back to their sources: no wall, but every word of the way.
ENGINE = """
import json, os, sys
folder, words = {folder!r}, sys.argv[1:]
with open(folder + "/calls", "a") as file:
    file.write(json.dumps(words) + "\\n")
stdin = sys.stdin.buffer.read() if words[0] == "import" else b""
answer = json.load(open(folder + "/answers")).get(words[0])
if answer is not None:
    sys.stderr.write(answer[1])
    print(answer[2])
    sys.exit(answer[0])
if words[0] == "run":
    at = words.index("--entrypoint")
    binds = [w for o, w in zip(words, words[1:]) if o == "--mount"]
    mounts = [dict(part.partition("=")[::2] for part in bind.split(",")) for bind in binds]
    env = dict(w.split("=", 1) for o, w in zip(words, words[1:]) if o == "--env")
    command = [words[at + 1], *words[at + 3:]]
    for mount in mounts:
        if mount["target"].startswith("/job"):
            command = [word.replace(mount["target"], mount["source"]) for word in command]
    os.execve(command[0], command, env)
"""


class Engine:
    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        (folder / "engine.py").write_text(ENGINE.format(folder=str(folder)))
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{folder}/engine.py" "$@"\n')
        program.chmod(0o755)
        self.answer()

    def answer(self, **answers: tuple[int, str, str]) -> None:
        """verb=(exit status, what it says on stderr, on stdout)."""
        (self.folder / "answers").write_text(json.dumps(answers))

    def calls(self, verb: str) -> list[list[str]]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [words for words in map(json.loads, lines) if words[0] == verb]


@pytest.fixture(params=["podman", "docker"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    folder = tmp_path / "engine"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # the check refuses root
    return Engine(folder, request.param)


def ended(child: Child) -> None:
    """The engine had the time to hear what it is to do."""
    assert child.wait(60) is not None
    child.kill()


def test_run__through_an_engine__result_log_and_points(engine: Engine, run_code: RunCode) -> None:
    points: list[object] = []
    source = """
        import os, tensorgrid.metrics
        def job(a):
            print("said", "HOME" in os.environ)
            tensorgrid.metrics.report(step=1, loss=0.5)
            return {"double": 2 * a, "secret": os.environ.get("PATH")}
        """
    run = run_code(Container(), source, arguments={"a": 4}, points=points)
    assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
    assert json_of_payload(run.payload) == {"double": 8, "secret": "/usr/bin:/bin"}
    assert b"said" in run.log and len(points) == 1


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", ExitClass.RAISED, b"status 139"),
        ("import os; os.kill(os.getpid(), 9)", ExitClass.MEMORY_LIMIT, b""),
        ("while True: pass", ExitClass.WALL_LIMIT, b""),
    ],
)
def test_run__ends_badly__told_and_removed(
    engine: Engine, run_code: RunCode, body: str, expected: ExitClass, words: bytes
) -> None:
    run = run_code(Container(), f"def job():\n    {body}", wall_seconds=1)
    assert run.exit is expected and words in run.log, run.log.decode()
    if expected is ExitClass.WALL_LIMIT:
        name = engine.calls("run")[0][engine.calls("run")[0].index("--name") + 1]
        assert ["rm", "--force", name] in engine.calls("rm")


def test_words__every_wall_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").touch()
    whole = GroupLimits(memory_bytes=MIB, processes=7, threads=2)
    device = Path("/dev/nvidia0")
    launch = Launch(tmp_path / "in", tmp_path / "out", {}, {"A": "b"}, (), 5 * MIB, (device,), whole=whole)
    ended(Container().start(launch))
    (words,) = engine.calls("run")
    text = " ".join(words)
    for wall in (
        "--rm", "--pull never", "--network none", "--ipc private", "--read-only", "--cap-drop all",
        "--security-opt no-new-privileges", "--security-opt seccomp=", f"--memory {MIB} --memory-swap {MIB}",
        "--pids-limit 7", "--cpus 2", "--ulimit core=0", f"--user {os.getuid()}:{os.getgid()}",
        f"--tmpfs /tmp:rw,nosuid,nodev,size={5 * MIB}",
        f"--mount type=bind,source={tmp_path}/in,target=/job/in,readonly",
        "--mount type=bind,source=/usr,target=/usr,readonly", "--device /dev/nvidia0", "--env A=b", "--log-driver none",
    ):  # fmt: skip
        assert wall in text, wall
    assert words.count("--device") == 1
    assert not {"--privileged", "--gpus", "--pid", "--volume", "--cap-add", "--runtime"} & set(words)
    writable = [word for word in words if word.startswith("type=bind") and not word.endswith(",readonly")]
    assert [word.rpartition("target=")[2] for word in writable] == ["/job/out/payload.safetensors"]
    assert ("--userns" in words) == (engine.folder / "podman").exists()


def test_words__operators_image__nothing_of_the_hosts(engine: Engine, tmp_path: Path) -> None:
    launch = Launch(tmp_path, tmp_path / "x", {}, {}, (), MIB)
    ended(Container(image="mine:1").start(launch))
    (words,) = engine.calls("run")
    assert "mine:1" in words and not any("target=/usr" in word for word in words)


def test_hidden__inside_a_bound_folder__covered(engine: Engine, tmp_path: Path) -> None:
    import tensorgrid_worker

    hidden = Path(tensorgrid_worker.__file__).parent / "runtime"
    ended(Container(hidden=[hidden, tmp_path]).start(Launch(tmp_path, tmp_path / "x", {}, {}, (), MIB)))
    (words,) = engine.calls("run")
    assert [word for word in words if word.endswith(":ro,size=4k")] == [f"{hidden.resolve()}:ro,size=4k"]


def test_comma_in_a_path__refused_not_split(engine: Engine, tmp_path: Path) -> None:
    """`--mount` reads commas as options: a folder's name must not become one."""
    folder = tmp_path / "a,target=/etc"
    folder.mkdir(parents=True)
    with pytest.raises(SandboxUnavailable, match="rename"):
        Container().start(Launch(folder, tmp_path / "x", {}, {}, (), MIB))


def test_check__makes_its_own_image_once_and_tries_it(engine: Engine) -> None:
    engine.answer(ps=(0, "", ""), version=(0, "", "28"), info=(0, "", ""), image=(1, "no such image", ""))
    Container().check()
    assert engine.calls("import") and len(engine.calls("run")) == 1
    assert not [words for words in engine.calls("run") if "pull" in words or ("--pull" in words and "always" in words)]


def test_check__containers_of_a_killed_worker__removed(engine: Engine) -> None:
    names = f"tensorgrid-4194399-aa tensorgrid-{os.getpid()}-bb other"
    engine.answer(ps=(0, "", names), version=(0, "", "28"), info=(0, "", ""), image=(0, "", ""))
    Container().check()
    assert engine.calls("rm") == [["rm", "--force", "tensorgrid-4194399-aa"]]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"version": (1, "Cannot connect", ""), "info": (1, "Cannot connect", "")}, "Cannot connect.*start it"),
        ({"version": (0, "", ""), "info": (0, "", ""), "ps": (0, "", ""), "image": (1, "", ""),
          "import": (1, "no space left", "")}, "no space left.*disk"),
        ({"version": (0, "", ""), "info": (0, "", ""), "ps": (0, "", ""), "image": (0, "", ""),
          "run": (125, "seccomp is not enabled", "")}, "seccomp is not enabled.*bubblewrap"),
    ],
)  # fmt: skip
def test_check__engine_fails__says_why(engine: Engine, answers: dict[str, tuple[int, str, str]], words: str) -> None:
    engine.answer(**answers)
    with pytest.raises(SandboxUnavailable, match=words):
        Container().check()


def test_check__no_engine__says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="install podman"):
        Container().check()


def test_check__root__refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SandboxUnavailable, match="not root"):
        Container().check()


def test_rootfs__holds_places_and_links_alone(tmp_path: Path) -> None:
    data = rootfs.archive([tmp_path])
    assert data == rootfs.archive([tmp_path])
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        members = opened.getmembers()
    assert all(one.size == 0 and (one.isdir() or one.issym() or one.isreg()) for one in members)
    assert {"job/in", "job/out/payload.safetensors", str(tmp_path).lstrip("/")} <= {one.name for one in members}


def test_seccomp__engines_get_the_same_rules() -> None:
    profile = seccomp.engine_profile()
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    assert profile["syscalls"][0]["names"] == seccomp.DENIED
    assert {name for rule in profile["syscalls"][1:] for name in rule["names"]} == {
        "socket",
        "clone",
        "clone3",
        "ioctl",
    }
    json.dumps(profile)
