"""What a job can see and reach behind bubblewrap: its inputs, Python, and nothing else (W3)."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.worker.conftest import MIB, RunCode, bubblewrap_or_skip, make_spec

from tensorgrid.domain.errors import SandboxUnavailable, SpecInvalid
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.sandbox import seccomp
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap

PROBE = """
import errno, os
def attempt(function):
    try:
        return ["done", repr(function())[:200]]
    except BaseException as error:
        return [type(error).__name__, getattr(error, "errno", None)]
"""


def probe(run_code: RunCode, body: str, sandbox: Bubblewrap | None = None, **changes: Any) -> Any:
    """The JSON that `body`, the function's lines, puts in `seen`."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    run = run_code(
        sandbox or bubblewrap_or_skip(), f"{PROBE}\ndef job():\n{lines}    return {{'seen': seen}}", **changes
    )
    assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
    return json_of_payload(run.payload)["seen"]


def refused(answer: list[Any]) -> bool:
    return answer[0] != "done"


@pytest.fixture
def loopback() -> Iterator[int]:
    """A server on the host's loopback, as the node's RPC is."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_network__no_way_out(run_code: RunCode, loopback: int) -> None:
    seen = probe(
        run_code,
        f"""
import socket
def dial(host, port):
    return attempt(lambda: socket.create_connection((host, port), 2))
seen = [dial("127.0.0.1", {loopback}), dial("169.254.169.254", 80), dial("8.8.8.8", 53)]
seen += [attempt(lambda f=f: socket.socket(f, socket.SOCK_RAW)) for f in (socket.AF_NETLINK, socket.AF_PACKET, 38, 40)]
""",
    )
    assert all(map(refused, seen)), seen


def test_files__only_inputs_and_python(run_code: RunCode, tmp_path: Path, root: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    seen = probe(
        run_code,
        f"""
paths = ["{secret}", "{root}/.git", "{root}/pyproject.toml", "{Path.home()}/.bashrc", "/var", "/run", "/sys/kernel"]
paths += ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/home", "/proc/1/root/etc/passwd"]
places = ["/x", "/dev/x", "/job/x", "/job/in/spec.json", "/job/in/x", "/usr/x", os.__file__]
places += ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/1/oom_score_adj"]
seen = dict(there=[p for p in paths if os.path.exists(p)], job=sorted(os.listdir("/job/in")))
seen["written"] = [p for p in places if attempt(lambda: open(p, "w"))[0] == "done"]
seen["tmp"] = attempt(lambda: open("/tmp/mine", "w"))
""",
    )
    assert seen["there"] == []
    assert seen["written"] == []
    assert seen["job"] == ["bundle.py", "call", "inputs", "spec.json"]
    assert seen["tmp"][0] == "done"


def test_hidden__inside_a_folder_that_python_needs(run_code: RunCode) -> None:
    import tensorgrid_worker

    package = Path(tensorgrid_worker.__file__).parent
    hidden = package / "runtime" / "__pycache__"
    hidden.mkdir(exist_ok=True)
    seen = probe(run_code, f"seen = os.listdir('{hidden}')", bubblewrap_or_skip(hidden))
    assert seen == []


def test_processes__its_own_alone(run_code: RunCode) -> None:
    seen = probe(
        run_code,
        """
pids = [int(p) for p in os.listdir("/proc") if p.isdigit()]
texts = [open(f"/proc/{p}/{f}").read() for p in pids for f in ("cmdline", "environ")]
seen = dict(pids=len(pids), told=[t for t in texts if "--ro-bind" in t or "job1" in t], uid=os.getuid())
seen["parent"] = attempt(lambda: os.kill(-1, 0))
""",
    )
    assert seen["pids"] <= 3
    assert seen["told"] == []
    assert seen["uid"] == 65534


def test_system_calls__filtered(run_code: RunCode) -> None:
    if seccomp.program() is None:
        pytest.skip("libseccomp is not installed")
    seen = probe(
        run_code,
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return [libc.syscall(number, *arguments), ctypes.get_errno()]
# x86-64 numbers: ptrace, unshare(NEWUSER), mount, io_uring_setup, bpf, keyctl, clone3, clone(NEWUSER), perf_event_open
seen = [call(101, 0, 0, 0, 0), call(272, 0x10000000), call(165, 0, 0, 0, 0, 0), call(425, 1, 0), call(321, 0, 0, 0)]
seen += [call(250, 0, 0), call(435, 0, 0), call(56, 0x10000011, 0, 0, 0, 0), call(298, 0, 0, 0, 0, 0)]
status = open("/proc/self/status").read()
caps = [l.split()[1] for l in status.splitlines() if l.startswith(("CapEff", "CapBnd"))]
more = [l.split()[1] for l in status.splitlines() if l.startswith(("NoNewPrivs", "Seccomp:"))]
seen = [seen, caps, more]
""",
    )
    calls, capabilities, more = seen
    assert [code for code, _ in calls] == [-1] * 9
    assert [number for _, number in calls] == [1, 1, 1, 1, 1, 1, 38, 1, 1]
    assert set(capabilities) == {"0000000000000000"}
    assert more == ["1", "2"]


def test_disk__is_small(run_code: RunCode) -> None:
    seen = probe(
        run_code,
        """
def fill(path):
    with open(path, "wb") as file:
        for _ in range(200):
            file.write(b"x" * (1 << 20))
seen = [attempt(lambda: fill("/tmp/a")), attempt(lambda: fill("/dev/shm/a"))]
os.unlink("/tmp/a")
""",
        output_bytes=MIB,
    )
    assert all(map(refused, seen)), seen


def test_check__no_bubblewrap__says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="apt install bubblewrap"):
        Bubblewrap().check()


def test_check__bubblewrap_that_fails__says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"No permissions.*user namespaces"):
        Bubblewrap().check()


def test_network__asked_for_by_a_spec__refused() -> None:
    """No allow-list yet: a field that would ask for one is unknown."""
    spec = json.loads(make_spec(b"def job(): ...").to_bytes())
    with pytest.raises(SpecInvalid):
        JobSpec.from_bytes(json.dumps(spec | {"network": ["example.org:443"]}).encode())
