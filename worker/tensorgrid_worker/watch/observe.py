"""Prometheus metrics: counters are fed by the log's events, gauges are read when they are scraped.

Labels are words of a fixed list and addresses of our own workers. No job, no stranger, no secret is one.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tensorgrid.domain.jobs import ExitClass
from tensorgrid_worker.loop.planner import Do
from tensorgrid_worker.policy.house import SHIPPED
from tensorgrid_worker.watch.readings import Readings

OTHER = "other"
KINDS = frozenset({*Do, "progress", "raise_epoch", "beat", "reclass"})
TX_STATES = frozenset(
    (
        "sent sent_again mined reverted recalled out_of_gas needless refused not_accepted stuck lost delayed waits "
        "unknown not_replaced"
    ).split()
)
MINED = frozenset({"tx.mined", "tx.reverted", "tx.recalled"})
"""A block holds it, so its fee is paid."""
FATES = frozenset({"paid", "unpaid", "none"})
"""Of an ended job, for this worker; everything else is a fault that cost stake."""
ENDS = frozenset({"settled", "cancelled", "expired"})
FAILURES = frozenset({"run.failed", "run.fault", "run.stopped", "inspect.fault"})
STORE_ERRORS = frozenset({"inputs.unavailable", "store.failed", "progress.failed", "disk.failed"})
NODE_ERRORS = frozenset(
    {"chain.unreachable", "chain.invented", "tx.delayed", "nodes.disagree", "witness.silent", "witness.behind"}
)
EXITS = frozenset(exit_class.name.lower() for exit_class in ExitClass)
RUN_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
COMMIT_BUCKETS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)
MOST_WATCHED = 4096
"""Jobs whose post was heard and whose commit was not yet."""
_POLICY = re.compile(r"(?:not now, )?policy ([a-z0-9_-]{1,32}): ")

Event = Mapping[str, Any]


class Metrics:
    """`heard` for logs.listening, `attach` for each worker of the process, `text` for a scraper."""

    def __init__(self, policies: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self._policies = SHIPPED | frozenset(policies)
        self._posted: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()
        self.workers: dict[str, Readings] = {}
        self._counters(self.registry)
        self.registry.register(_Gauges(self.workers))

    def _counters(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tensorgrid_worker_{name}", text, ("worker", *labels), registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            name = f"tensorgrid_worker_{name}"
            return Histogram(name, text, ("worker", *labels), registry=registry, buckets=buckets)

        self._transactions = counter("transactions", "Events of transactions.", "kind", "status")
        self._gas = counter("gas", "Gas used by mined transactions, units.", "kind")
        self._fees = counter("fees_wei", "Wei paid for mined transactions.", "kind")
        self._jobs = counter("jobs", "Jobs that ended and in which this worker had a part.", "end", "outcome")
        self._refusals = counter("refusals", "Jobs refused, by who refused.", "by")
        self._waits = counter("waits", "Jobs that a policy refused for the time being.", "by")
        self._failures = counter("failures", "Runs and inspections that ended for the worker's own reasons.", "event")
        self._store = counter("store_errors", "Failures of the blob store, and of the disk.", "event")
        self._node = counter("node_errors", "Times the node could not be used, or nodes disagreed.", "event")
        self._rewinds = counter("rewinds", "Reorganisations of the chain that took back blocks read.")
        self._lines = counter("log_lines", "Log lines at warning and above.", "level")
        self._runs = histogram("run_seconds", "Seconds a job ran in the sandbox.", RUN_BUCKETS, "exit")
        self._latency = histogram(
            "post_to_commit_seconds", "From reading a job's post to its mined commit.", COMMIT_BUCKETS
        )

    def attach(self, readings: Readings) -> None:
        self.workers[readings.pulse.worker] = readings

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)

    # ----------------------------------------------------------------------------------------------------------- events

    def heard(self, event: Event) -> None:
        """One log event."""
        name = str(event.get("event", ""))
        worker = self._worker(event)
        if event.get("level") in {"warning", "error", "critical"}:
            self._lines.labels(worker, event["level"]).inc()
        if name.startswith("tx."):
            self._transaction(worker, name, event)
        elif name == "job.refused":
            self._refusals.labels(worker, self._refuser(event)).inc()
        elif name in {"job.waits", "job.not_taken"}:
            self._waits.labels(worker, self._refuser(event)).inc()
        elif name in {"job.posted", "job.ours"}:
            self._note_post(worker, event)
        elif name.startswith("job.") and name[4:] in ENDS:
            fate = str(event.get("outcome", "")).partition(" ")[0]
            self._jobs.labels(worker, name[4:], fate if fate in FATES else "slashed").inc()
            self._forget_post(worker, event)
        elif name == "run.ended":
            self._runs.labels(worker, _one_of(event.get("exit"), EXITS)).observe(float(event.get("seconds", 0)))
        elif name == "chain.rewound":
            self._rewinds.labels(worker).inc()
        for counter, names in (
            (self._failures, FAILURES), (self._store, STORE_ERRORS), (self._node, NODE_ERRORS)
        ):  # fmt: skip
            if name in names:
                counter.labels(worker, name).inc()

    def _transaction(self, worker: str, name: str, event: Event) -> None:
        kind = _one_of(str(event.get("kind", "")).partition(":")[0], KINDS)
        self._transactions.labels(worker, kind, _one_of(name[3:], TX_STATES)).inc()
        if name not in MINED:
            return
        gas = int(event.get("gas", 0))
        self._gas.labels(worker, kind).inc(gas)
        self._fees.labels(worker, kind).inc(gas * int(event.get("gas_price", 0)))
        if name == "tx.mined" and kind == Do.COMMIT and (posted := self._forget_post(worker, event)) is not None:
            self._latency.labels(worker).observe(time.monotonic() - posted)

    def _note_post(self, worker: str, event: Event) -> None:
        with self._lock:
            self._posted.setdefault((worker, str(event.get("job"))), time.monotonic())
            if len(self._posted) > MOST_WATCHED:
                self._posted.popitem(last=False)

    def _forget_post(self, worker: str, event: Event) -> float | None:
        with self._lock:
            return self._posted.pop((worker, str(event.get("job"))), None)

    def _worker(self, event: Event) -> str:
        """Ours only: what an event claims otherwise would be a label of others' making."""
        found = str(event.get("worker", ""))
        return found if found in self.workers else ""

    def _refuser(self, event: Event) -> str:
        """A policy's name, or "worker" for what the worker itself found wrong with terms, spec or inputs."""
        match = _POLICY.match(str(event.get("reason", "")))
        return match.group(1) if match and match.group(1) in self._policies else "worker"


class _Gauges(Collector):
    """Read at each scrape. A gauge that cannot be read is left out: a zero would be a claim."""

    def __init__(self, workers: Mapping[str, Readings]) -> None:
        self._workers = workers

    def describe(self) -> Iterable[Metric]:
        return []  # nothing is read when the collector is registered

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for worker, readings in list(self._workers.items()):
            for name, text, labels, value in _gauges(readings):
                family = families.get(name)
                if family is None:
                    family = GaugeMetricFamily(f"tensorgrid_worker_{name}", text, labels=("worker", *labels))
                    families[name] = family
                family.add_metric((worker, *labels.values()), value)
        yield from families.values()


_Gauge = tuple[str, str, dict[str, str], float]


def _gauges(readings: Readings) -> Iterator[_Gauge]:
    pulse = readings.pulse
    for name, text, value in (
        ("up_seconds", "Since this worker started.", time.monotonic() - pulse.started),
        ("tick_age_seconds", "Since the loop last went round.", time.monotonic() - pulse.ticked),
        ("chain_reached", "1 when the node answered the last time.", float(pulse.reached)),
        ("ready", "1 when it takes jobs.", float(not pulse.problems())),
        ("head_block", "Newest block that counts.", float(pulse.head)),
        ("cursor_lag_blocks", "Blocks between that one and what has been read.", float(pulse.head - pulse.cursor)),
        ("jobs_open", "Jobs it follows.", float(pulse.jobs_open)),
        ("jobs_running", "Jobs in the sandbox.", float(pulse.jobs_running)),
    ):
        yield name, text, {}, value
    for name, text, read in _optional(readings):
        if (found := read()) is not None:
            yield name, text, {}, float(found)
    yield from _money(readings)
    for gpu in readings.gpus():
        label = {"gpu": str(gpu.index)}
        yield "gpu_memory_free_bytes", "Of each GPU of the machine.", label, float(gpu.free_bytes)
        yield "gpu_memory_total_bytes", "Of each GPU of the machine.", label, float(gpu.total_bytes)
        if gpu.celsius is not None:
            yield "gpu_celsius", "Temperature of each GPU of the machine.", label, float(gpu.celsius)


def _optional(readings: Readings) -> tuple[tuple[str, str, Callable[[], int | None]], ...]:
    return (
        ("outbox_waiting", "Transactions to be sent or mined yet.", readings.outbox_waiting),
        ("disk_free_bytes", "On the disk of its home.", readings.disk_free),
    )


def _money(readings: Readings) -> Iterator[_Gauge]:
    chain = readings.chain()
    if chain is None:
        return
    yield "gas_balance_wei", "Coin of the hot key.", {}, float(chain.gas_balance)
    yield (
        "stake_free_units",
        "Stake that can be locked by jobs.",
        {},
        float(max(0, chain.stake_active - chain.stake_locked)),
    )
    yield "stake_locked_units", "Stake that jobs have locked.", {}, float(chain.stake_locked)
    for symbol, amount in chain.earnings.items():
        yield "earnings_units", "Withdrawable by the payee now.", {"token": symbol[:16]}, float(amount)


def _one_of(value: Any, known: Iterable[str]) -> str:
    return str(value) if value in known else OTHER
