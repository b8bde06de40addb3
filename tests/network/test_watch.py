"""A real worker on a real chain, watched through its health endpoint, with a policy that minds."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.devnet.workers import WorkerHook, WorkerProcess


def add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def net(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    hook = WorkerHook(settings={"health_port": port})
    with Devnet(tmp_path_factory.mktemp("watch"), workers=3, hooks={0: hook}) as network:
        yield network


def page(worker: WorkerProcess, port: int, path: str) -> httpx.Response:
    [token] = Path(worker.config).parent.rglob("health.token")
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, trust_env=False, timeout=10)


def sample(text: str, begin: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(begin))


def test_watch__one_job__is_counted_and_its_money_shown(net: Devnet, port: int) -> None:
    worker = net.workers[0]
    assert page(worker, port, "/healthz").json()["live"] is True
    run = Client(net.network_file).submit(add, {"a": 2, "b": 3}, budget="5 USDC", wall="30s", memory="256MiB")
    assert run.result(timeout=90)["sum"] == 5
    name, until = "tensorgrid_worker", time.monotonic() + 30
    while time.monotonic() < until:
        text = page(worker, port, "/metrics").text
        if sample(text, f"{name}_jobs_total{{"):
            break
        time.sleep(0.3)
    assert sample(text, f'{name}_jobs_total{{end="settled",outcome="paid",worker="{worker.address}"}}') == 1
    assert sample(text, f"{name}_run_seconds_count{{") == 1
    assert sample(text, f"{name}_post_to_commit_seconds_count{{") == 1
    assert sample(text, f'{name}_transactions_total{{kind="commit",status="mined"') == 1
    assert sample(text, f"{name}_fees_wei_total{{") > 0
    assert sample(text, f"{name}_stake_free_units{{") > 0
    assert run.hex[2:10] not in text
    assert page(worker, port, "/readyz").status_code == 200
    [told] = page(worker, port, "/status").json()["workers"]
    assert told["worker"] == worker.address
    assert told["jobs"][0]["job"] == run.hex
    assert int(told["chain"]["gas_balance_wei"]) > 0


def test_watch__without_the_token__nothing(net: Devnet, port: int) -> None:
    assert httpx.get(f"http://127.0.0.1:{port}/status", trust_env=False).status_code == 401
