"""Metrics: what the events count for, and that nobody can make labels of his own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
from tests.worker.jobs import ME, STRANGER

from tensorgrid.domain.errors import Unreachable
from tensorgrid_worker.gpu_readings import GpuReading, gpu_readings
from tensorgrid_worker.memory.pulse import Pulse
from tensorgrid_worker.watch.observe import MOST_WATCHED, Metrics
from tensorgrid_worker.watch.readings import ChainReading, Readings

GPU = GpuReading(0, 80 << 30, 30 << 30, 61)


def readings(tmp_path: Path, *, worker: str = ME, chain: ChainReading | None = None, gpus: Any = list) -> Readings:
    found = Readings(Pulse(worker, "bubblewrap", 0.7), cast("Any", None), cast("Any", None), tmp_path, gpus)
    found.chain = lambda: chain  # type: ignore[method-assign]
    return found


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    found = Metrics(["owl"])
    found.attach(readings(tmp_path))
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"tensorgrid_worker_{name}", {"worker": ME} | labels)


def hear(metrics: Metrics, event: str, **fields: Any) -> None:
    metrics.heard({"event": event, "level": "info", "worker": ME} | fields)


@pytest.mark.parametrize(
    ("event", "fields", "name", "labels"),
    [
        ("tx.sent", {"kind": "take"}, "transactions_total", {"kind": "take", "status": "sent"}),
        ("tx.stuck", {"kind": "reveal"}, "transactions_total", {"kind": "reveal", "status": "stuck"}),
        ("tx.mined", {"kind": "progress:17"}, "transactions_total", {"kind": "progress", "status": "mined"}),
        ("job.refused", {"reason": "policy hours: this worker sleeps"}, "refusals_total", {"by": "hours"}),
        ("job.refused", {"reason": "not now, policy owl: asleep"}, "refusals_total", {"by": "owl"}),
        ("job.refused", {"reason": "it is our own"}, "refusals_total", {"by": "worker"}),
        ("job.waits", {"reason": "not now, policy room: full"}, "waits_total", {"by": "room"}),
        ("job.settled", {"outcome": "paid 950000"}, "jobs_total", {"end": "settled", "outcome": "paid"}),
        ("job.settled", {"outcome": "no_show 20"}, "jobs_total", {"end": "settled", "outcome": "slashed"}),
        ("job.expired", {"outcome": "none"}, "jobs_total", {"end": "expired", "outcome": "none"}),
        ("run.failed", {}, "failures_total", {"event": "run.failed"}),
        ("store.failed", {}, "store_errors_total", {"event": "store.failed"}),
        ("chain.unreachable", {}, "node_errors_total", {"event": "chain.unreachable"}),
        ("chain.rewound", {"to": 9}, "rewinds_total", {}),
        ("run.ended", {"exit": "ok", "seconds": 3.5}, "run_seconds_sum", {"exit": "ok"}),
        ("whatever", {"level": "warning"}, "log_lines_total", {"level": "warning"}),
    ],
)
def test_heard__each_event__is_counted(
    metrics: Metrics, event: str, fields: dict[str, Any], name: str, labels: dict[str, str]
) -> None:
    hear(metrics, event, **fields)
    assert value(metrics, name, **labels) == (3.5 if name.endswith("_sum") else 1)


def test_heard__mined__gas_and_what_it_cost(metrics: Metrics) -> None:
    hear(metrics, "tx.mined", kind="commit", job="0x01", gas=100_000, gas_price=3)
    assert value(metrics, "gas_total", kind="commit") == 100_000
    assert value(metrics, "fees_wei_total", kind="commit") == 300_000


@pytest.mark.parametrize("event", ["tx.reverted", "tx.recalled"])
def test_heard__mined_in_vain__costs_all_the_same(metrics: Metrics, event: str) -> None:
    hear(metrics, event, kind="settle", job="0x01", gas=50_000, gas_price=3)
    assert value(metrics, "fees_wei_total", kind="settle") == 150_000
    assert value(metrics, "transactions_total", kind="settle", status=event[3:]) == 1


def test_heard__post_then_commit__time_between_them_once(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 104.0, 200.0])
    monkeypatch.setattr("tensorgrid_worker.watch.observe.time.monotonic", lambda: next(clock))
    hear(metrics, "job.posted", job="0x01")
    hear(metrics, "tx.mined", kind="commit", job="0x01")
    hear(metrics, "tx.mined", kind="commit", job="0x02")  # posted before this process began
    monkeypatch.undo()
    assert value(metrics, "post_to_commit_seconds_sum") == 4.0
    assert value(metrics, "post_to_commit_seconds_count") == 1


def test_heard__posts_without_end__what_is_remembered_is_bounded(metrics: Metrics) -> None:
    for number in range(MOST_WATCHED + 50):
        hear(metrics, "job.posted", job=f"0x{number:08x}")
    assert len(metrics._posted) == MOST_WATCHED


def test_attack_strangers_make_labels__there_are_no_more_of_them_than_before(metrics: Metrics) -> None:
    """Kinds, policies, exits, workers and outcomes of an attacker's making end in one place each."""
    for number in range(200):
        text = f"zz{number}"
        hear(metrics, "tx." + text, kind=text)
        hear(metrics, "job.refused", reason=f"policy {text}: no")
        hear(metrics, "job.settled", outcome=f"{text} 5")
        hear(metrics, "run.ended", exit=text, seconds=1)
        hear(metrics, "job." + text)
        hear(metrics, text, worker=STRANGER[:-3] + f"{number:03d}")
        metrics.heard({"event": "tx.sent", "kind": "take", "worker": text, "job": text})
    shown = metrics.text().decode()
    assert not re.search(r"zz\d", shown)
    assert STRANGER[:-3] not in shown
    assert len(shown.splitlines()) < 200


def test_text__says_nothing_of_jobs(metrics: Metrics) -> None:
    hear(metrics, "job.posted", job="0xdeadbeef")
    hear(metrics, "tx.mined", kind="commit", job="0xdeadbeef", tx="0x" + "77" * 32)
    assert "deadbeef" not in metrics.text().decode() and "7777" not in metrics.text().decode()


def test_gauges__are_read_at_the_scrape(tmp_path: Path) -> None:
    metrics = Metrics()
    chain = ChainReading(gas_balance=5, stake_active=90, stake_locked=20, locks=1, earnings={"USDC": 7})
    found = readings(tmp_path, chain=chain, gpus=lambda: [GPU])
    metrics.attach(found)
    pulse = found.pulse
    pulse.head, pulse.cursor, pulse.jobs_open, pulse.jobs_running = 120, 118, 4, 1
    assert value(metrics, "head_block") == 120
    assert value(metrics, "cursor_lag_blocks") == 2
    assert value(metrics, "jobs_open") == 4
    assert value(metrics, "stake_free_units") == 70
    assert value(metrics, "earnings_units", token="USDC") == 7
    assert value(metrics, "gas_balance_wei") == 5
    assert value(metrics, "gpu_celsius", gpu="0") == 61
    assert value(metrics, "disk_free_bytes")
    assert value(metrics, "ready") == 0
    pulse.reached, pulse.standing = True, ""
    assert value(metrics, "ready") == 1


def test_gauges__what_cannot_be_read__is_left_out_and_not_zero(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.attach(readings(tmp_path / "gone"))
    assert value(metrics, "stake_free_units") is None
    assert value(metrics, "disk_free_bytes") is None
    assert value(metrics, "outbox_waiting") is None


def test_gauges__several_workers__one_family_with_a_line_each(tmp_path: Path) -> None:
    metrics = Metrics()
    for worker in (ME, STRANGER):
        metrics.attach(readings(tmp_path, worker=worker))
    shown = metrics.text().decode()
    assert shown.count("# TYPE tensorgrid_worker_head_block gauge") == 1
    assert shown.count("\ntensorgrid_worker_head_block{") == 2


class FailingNode:
    """Contracts whose every call finds the node silent, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def registry(self) -> Any:
        self.asked += 1
        raise Unreachable("the node does not answer; start it")


def test_readings__node_is_silent__none_and_it_is_not_asked_at_every_scrape(tmp_path: Path) -> None:
    node = FailingNode()
    found = Readings(Pulse(ME, "none", 1), cast("Any", node), cast("Any", None), tmp_path)
    assert [found.chain() for _ in range(5)] == [None] * 5
    assert node.asked == 1


class Nvml:
    """pynvml's functions as far as they are called, for one device."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, *, fails: str = "") -> None:
        self._fails, self.shut = fails, 0

    def __getattr__(self, name: str) -> Any:
        def answer(*_: Any) -> Any:
            if name == self._fails:
                raise self.NVMLError
            return {"nvmlDeviceGetCount": 1, "nvmlDeviceGetTemperature": 55}.get(name, self)

        return answer

    total, free = 1000, 400

    def nvmlShutdown(self) -> None:
        self.shut += 1


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        ("", [GpuReading(0, 1000, 400, 55)]),
        ("nvmlDeviceGetTemperature", [GpuReading(0, 1000, 400, None)]),
        ("nvmlDeviceGetMemoryInfo", []),
        ("nvmlInit", []),
    ],
)
def test_gpus__as_nvml_tells__or_none(fails: str, expected: list[GpuReading]) -> None:
    nvml = Nvml(fails=fails)
    assert gpu_readings(nvml) == expected
    assert nvml.shut == (fails != "nvmlInit")
