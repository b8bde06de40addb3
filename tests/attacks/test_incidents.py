"""What has happened to others, once each, tried on us. docs/threat-model.md says what stops it."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.requirements import Requirement
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import CPU, refused
from tests.test_packaging import wheel  # noqa: F401 - a fixture
from tests.worker.conftest import RunCode, bubblewrap_or_skip, make_spec
from tests.worker.jobs import JOB, ME, make_record, make_terms
from tests.worker.test_planner import assigned, committed, posted

from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.payload import json_of_payload, payload_root
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.loop.planner import Memory, plan
from tensorgrid_worker.watch import health
from tensorgrid_worker.watch.observe import Metrics

PACKAGES = ("sdk/tensorgrid", "worker/tensorgrid_worker")


def sources(root: Path) -> dict[Path, ast.Module]:
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
    }


# ----------------------------------------------------------------------------------------------- io.net, 25 April 2024
# One API token for all devices, and user ids that leaked: anyone could rewrite anyone's device metadata.


def test_io_net_2024__metadata_rewritten_by_others__refused_on_chain(ledgers: Ledgers) -> None:
    worker, provider = ledgers.worker, ledgers.provider
    ledgers.register(provider, worker)
    ledgers.register(ledgers.spare[0], ledgers.spare[1])  # an honest member of the same network, as the thief was
    before = tuple(ledgers.registry.profileOf(worker))
    for thief in (*ledgers.spare[:2], ledgers.stranger, worker):
        with refused("NotProvider", worker=worker, provider=provider, caller=thief):
            ledgers.registry.update(worker, ledgers.profile(thief), sender=thief)
    with refused("UnknownWorker", worker=ledgers.stranger):
        ledgers.registry.reclass(CPU, 2**16 - 1, 1, sender=ledgers.stranger)
    ledgers.registry.reclass(CPU, 7, 7, sender=ledgers.spare[1])  # whose own it is, and nobody else's
    assert tuple(ledgers.registry.profileOf(worker)) == before


def test_io_net_2024__device_claimed_with_anothers_signature__refused_on_chain(ledgers: Ledgers) -> None:
    victim, thief, other = ledgers.spare[:3]
    digest = ledgers.registry.consentDigest(victim, thief)
    for signature in (b"", other.sign_raw_msghash(digest).encode_rsv(), thief.sign_raw_msghash(digest).encode_rsv()):
        with refused("BadConsent", worker=victim):
            ledgers.registry.register(victim, ledgers.profile(thief), signature, sender=thief)


def test_io_net_2024__one_token_for_all__every_worker_has_its_own(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in "ab"]
    for home in homes:
        home.mkdir()
    tokens = {health.token_of(home) for home in homes}
    assert len(tokens) == 2
    server = health.start(0, homes[0], Metrics())
    assert server.knows(f"Bearer {health.token_of(homes[0])}")
    assert not server.knows(f"Bearer {health.token_of(homes[1])}")
    server.server_close()


# ------------------------------------------------------------------------------------------- ShadowRay, CVE-2023-48022
# A job API without a password, on every interface, for months.


def test_shadowray_cve_2023_48022__every_local_api__is_on_loopback_and_asks_for_a_token(tmp_path: Path) -> None:
    server = health.start(0, tmp_path, Metrics())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        assert server.socket.getsockname()[0] == "127.0.0.1"
        for page in server.pages:
            assert httpx.get(f"http://127.0.0.1:{server.server_port}{page}", trust_env=False).status_code == 401
        for submit in ("/api/jobs/", "/jobs", "/run"):  # there is nothing to submit a job to, whatever one knows
            answer = httpx.post(
                f"http://127.0.0.1:{server.server_port}{submit}", json={"entrypoint": "id"}, trust_env=False
            )
            assert answer.status_code == 501
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_shadowray_cve_2023_48022__there_is_no_other_listener_in_our_code(root: Path) -> None:
    listeners = {"HTTPServer", "ThreadingHTTPServer", "TCPServer", "start_server", "start_unix_server", "create_server"}
    found = set()
    for path, tree in sources(root).items():
        for node in ast.walk(tree):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
            if name in listeners or (isinstance(node, ast.Attribute) and node.attr == "listen"):
                found.add(path.name)
    # On loopback, for as long as they last: between a demo's worker and its node, and the relay of a devnet
    local = {"wire.py": "demo", "drand.py": "devnet"}
    assert found - local.keys() == {"health.py"}
    for name, folder in local.items():
        assert '("127.0.0.1", 0)' in (root / "sdk/tensorgrid" / folder / name).read_text(encoding="utf-8")


# -------------------------------------------------------------- Bittensor, PyPI 6.12.2 (May 2024), halt of 2 July 2024
# A release on PyPI sent decrypted keys away. Later the chain was halted, and everything on it stood still.

WATCH = """
WATCHED = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system",
           "os.exec", "os.posix_spawn", "os.fork")
# urllib3 asks whether this machine has IPv6; Python's platform.architecture looks at its own program with file(1)
KNOWN = (("socket.bind", ("::1", 0)), ("subprocess.Popen", "file"))
import os, sys
home = os.environ["HOME"]
seen = []
def audit(event, args):
    if event in WATCHED and (event, args[1] if event == "socket.bind" else args[0]) not in KNOWN:
        seen.append((event, repr(args)[:200]))
    elif event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
        path, mode, flags = os.fsdecode(args[0]), args[1], args[2]
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != os.devnull:
            seen.append(("write", path))
        elif path.startswith(home):
            seen.append(("read", path))
sys.addaudithook(audit)
import importlib
for name in MODULES:
    importlib.import_module(name)
print(len(seen), seen[:5])
"""


def test_bittensor_6_12_2__importing_us__opens_no_socket_writes_no_file_reads_no_key(
    root: Path, tmp_path: Path
) -> None:
    for place in (".ethereum/keystore/key.json", ".tensorgrid/key.json", ".ssh/id_ed25519"):
        file = tmp_path / place
        file.parent.mkdir(parents=True)
        file.write_text("secret")
    names = ["tensorgrid", "tensorgrid_worker", "tensorgrid.client", "tensorgrid.cli", "tensorgrid_worker.cli"]
    worker = root / "worker/tensorgrid_worker"
    names += [
        f"tensorgrid_worker.{path.stem}" for path in sorted(worker.glob("*.py")) if not path.stem.startswith("__")
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(str(root / part) for part in ("sdk", "worker")),
    }
    code = f"MODULES = {names!r}\n{WATCH}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.strip() == "0 []", done.stdout + done.stderr


def test_bittensor_6_12_2__the_watch_itself__sees_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "thief.py").write_text(
        "import socket\nopen('loot', 'w')\nsocket.socket().connect_ex(('127.0.0.1', 9))\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    code = f"MODULES = ['thief']\n{WATCH}"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    assert "write" in done.stdout and "socket.connect" in done.stdout


def test_bittensor_halt_2024__the_chain_stands_still__nothing_is_done_by_our_own_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deadlines are the chain's: a day without blocks costs nobody a stake, and what is under way stays under way."""
    views = [posted(), assigned(), committed()]
    monkeypatch.setattr(time, "time", lambda: 1e12)
    monkeypatch.setattr(time, "monotonic", lambda: 1e12)
    for view in views:
        memory = Memory(ME, running=frozenset() if view.committed else frozenset({JOB}))
        first = plan([view], memory, 1, 900)
        assert [plan([view], memory, 1, 900) for _ in range(3)] == [first] * 3
        assert not {"expire", "close_work", "stop"} & {str(action.do) for action in first}


# ------------------------------------------------------------------------ Ultralytics 8.3.41 and others, December 2024
# A branch's name ran as a script in Actions, poisoned the build's cache, and releases carried a miner.


def workflows(root: Path) -> list[str]:
    found = [path.read_text(encoding="utf-8") for path in sorted((root / ".github/workflows").glob("*.yml"))]
    assert found
    return found


def test_ultralytics_2024__a_strangers_branch_name__is_never_part_of_a_script(root: Path) -> None:
    for text in workflows(root):
        assert "pull_request_target" not in text
        for script in re.findall(r"run:(?:[^\n]*|\s*[|>][^\n]*(?:\n[ ]{8,}[^\n]*)*)", text):
            assert "github.event" not in script and "head_ref" not in script and "ref_name" not in script


def test_ultralytics_2024__workflows__may_only_read_and_keep_no_token(root: Path) -> None:
    for text in workflows(root):
        assert "permissions:\n  contents: read\n" in text
        assert not re.search(r"^\s+(id-token|packages|contents|actions): write", text, re.MULTILINE)
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")
        assert "secrets." not in text


def test_ultralytics_2024__what_builds_a_package__uses_no_cache(root: Path) -> None:
    for text in workflows(root):
        for job in re.split(r"\n  (?=[a-z-]+:\n)", text.partition("\njobs:")[2]):
            if re.search(r"make (test-)?wheel|hatchling|twine|pypi-publish", job):
                assert "cache" not in job


def test_ultralytics_2024__the_wheel__is_our_sources_byte_for_byte_and_nothing_else(
    root: Path,
    wheel: zipfile.ZipFile,  # noqa: F811
) -> None:
    [record] = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
    told = {name: digest for name, digest, _ in csv.reader(io.StringIO(wheel.read(record).decode()))}
    assert set(told) == set(wheel.namelist())
    for name in wheel.namelist():
        data = wheel.read(name)
        if name != record:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert told[name] == f"sha256={digest}", name
        if ".dist-info/" not in name:
            package = "sdk" if name.startswith("tensorgrid/") else "worker"
            assert (root / package / name).read_bytes() == data, name
            assert not name.endswith((".pth", ".so", ".pyc")), name


def test_ultralytics_2024__building__runs_no_code_of_ours_or_of_a_hook(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert [Requirement(one).name for one in project["build-system"]["requires"]] == ["hatchling"]
    assert "hooks" not in json.dumps(project["tool"]["hatch"])
    assert not (root / "setup.py").exists()


def test_tampered_package__every_dependency__is_pinned_to_one_version(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len(pins) > 100
    for pin in pins:
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin
        assert pin.url is None, pin


# -------------------------------------------------------------- CVE-2025-32434 and CVE-2026-24747: torch.load, pickles


class Payload:
    """Unpickled, it leaves a file."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self._marker,)


def hostile(marker: Path) -> list[bytes]:
    """A bare pickle, and the archive that torch.save makes of one."""
    bare = pickle.dumps(Payload(marker))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", bare)
        file.writestr("archive/version", "3\n")
    return [bare, archive.getvalue()]


@pytest.mark.parametrize("which", [0, 1], ids=["pickle", "torch archive"])
def test_cve_2025_32434__a_pickle_as_input__refused_before_the_take_and_never_run(tmp_path: Path, which: int) -> None:
    marker, store = tmp_path / "marker", LocalStore(tmp_path / "store")
    data, code = hostile(marker)[which], b"def job(x): return {}"
    store.put(data)
    store.put(code)
    spec = make_spec(code, inputs={"x": ("torch", data)})
    config = WorkerConfig(
        rpc_url="http://x", deployment=tmp_path, keystore=tmp_path, password_file=tmp_path, store="x", home=tmp_path
    )
    with pytest.raises(JobRefused, match="input x"):
        Inputs(store, tmp_path / "scratch", config, 0).prepare(
            JOB, make_terms(spec_digest=store.put(spec.to_bytes()).digest)
        )
    assert not marker.exists()


@pytest.mark.parametrize("which", [0, 1], ids=["pickle", "torch archive"])
def test_cve_2025_32434__a_pickle_as_result__rejected_and_never_run(tmp_path: Path, which: int) -> None:
    marker = tmp_path / "marker"
    for read in (payload_root, json_of_payload):
        with pytest.raises(ResultRejected):
            read(hostile(marker)[which])
    assert not marker.exists()


def test_cve_2026_24747__no_torch_below_its_fix__and_nobody_calls_torch_load(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [torch] = [one for one in map(Requirement, project["optional-dependencies"]["worker"]) if one.name == "torch"]
    assert not any(torch.specifier.contains(old) for old in ("2.5.1", "2.6.0", "2.9.1"))
    for path, tree in sources(root).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in {"load", "loads"} and isinstance(node.value, ast.Name):
                assert node.value.id not in {"torch", "pickle", "dill", "marshal", "joblib", "numpy", "np"}, path
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}, path


# ------------------------------------------------------- NVIDIA container toolkit: CVE-2024-0132, CVE-2025-23266/23267


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES", "CUDA_INJECTION64_PATH"])
def test_cve_2025_23266__a_variable_that_loads_code__reaches_no_job(
    run_code: RunCode, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sandbox = bubblewrap_or_skip()
    monkeypatch.setenv(name, "")  # an empty one loads nothing here, and would show inside just the same
    run = run_code(sandbox, f"import os\ndef job(): return {{'has': {name!r} in os.environ}}")
    assert run.payload is not None, run.log.decode()
    assert json_of_payload(run.payload) == {"has": False}


def test_cve_2024_0132__a_job_names_no_image__there_is_none_to_mount_over_the_host(tmp_path: Path) -> None:
    """The escape began with a stranger's image. A spec has no field for one, and an unknown field is refused."""
    store = LocalStore(tmp_path / "store")
    spec = json.loads(make_spec(b"def job(): ...").to_bytes())
    config = WorkerConfig(
        rpc_url="http://x", deployment=tmp_path, keystore=tmp_path, password_file=tmp_path, store="x", home=tmp_path
    )
    for field in ("image", "container", "volumes", "hooks"):
        data = json.dumps(spec | {field: "evil/image:latest"}, sort_keys=True, separators=(",", ":")).encode()
        with pytest.raises(JobRefused):
            Inputs(store, tmp_path / "scratch", config, 0).prepare(JOB, make_terms(spec_digest=store.put(data).digest))


# ------------------------------------------------------------------------------------ off-chain plumbing, by its names


def test_data_withheld__inputs_are_not_there__no_stake_is_put_at_risk() -> None:
    """A job whose inputs nobody serves is never taken, so its requester cannot make anyone miss a deadline."""
    view = posted(record=make_record(preparation=make_record().preparation.NEW), may_take=True)
    actions = {str(action.do) for action in plan([view], Memory(ME, busy=frozenset({JOB})), 1, 900)}
    assert "take" not in actions


def test_crypto_mining_under_a_job__ends_at_the_wall_limit_and_has_no_pool_to_reach(run_code: RunCode) -> None:
    code = """
import hashlib, socket
def job():
    for pool in ("169.254.169.254", "8.8.8.8", "127.0.0.1"):
        try:
            socket.create_connection((pool, 3333), timeout=0.2)
            return {"reached": pool}
        except OSError:
            pass
    nonce = b""
    while True:
        nonce = hashlib.sha256(nonce).digest()
"""
    run = run_code(bubblewrap_or_skip(), code, wall_seconds=2)
    assert run.exit.name == "WALL_LIMIT"
    assert run.seconds < 30
