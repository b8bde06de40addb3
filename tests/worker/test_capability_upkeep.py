"""When a machine is measured again, what follows, and that no job is in its way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.test_capability import gpu, of

from tensorgrid.chain.calls import Call
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import hardware_class
from tensorgrid_worker import start
from tensorgrid_worker.capability import Measured, record
from tensorgrid_worker.capability import upkeep as upkeeping
from tensorgrid_worker.capability.classes import table
from tensorgrid_worker.capability.ladder import judge
from tensorgrid_worker.capability.machine import changes, fingerprint
from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.capability.record import Record
from tensorgrid_worker.capability.upkeep import Upkeep
from tensorgrid_worker.capability.watch import Condition, conditions
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import RunStopped
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import Status

ME = "0x" + "1" * 40
CARD = gpu("NVIDIA H100 80GB HBM3")
REDUCED = "h100-sxm-reduced"


def recorded(shares: dict[str, float], *, judged: bool = False, gpus: list[Gpu] | None = None, at: int = 0) -> Record:
    found = Measured("h100-sxm", 0, of(shares), "GPU-0", "H100")
    return Record((found,), at or int(time.time()), "ab", fingerprint([CARD] if gpus is None else gpus), judged)


@dataclass
class FakeChain:
    """What the registry says; `calls` that were encoded."""

    class_name: str = "h100-sxm"
    known: bool = True
    listed: frozenset[str] = frozenset({"h100-sxm", REDUCED})
    now: int = 1_000_000
    audit: None = None

    def __post_init__(self) -> None:
        self.connection = SimpleNamespace(latest=lambda: SimpleNamespace(timestamp=self.now, hash="0x" + "cd" * 32))
        self.registry = SimpleNamespace(
            profile_of=self._profile,
            reclass=lambda tag, score, price: Call(ME, b"%d %d" % (score, price), "reclass"),
            beat=lambda capability: Call(ME, b"%d" % capability, "beat"),
        )
        self.parameters = SimpleNamespace(class_allowed=lambda tag: tag in map(hardware_class, self.listed))
        self.offers = SimpleNamespace(epoch_of=lambda _: 4, raise_epoch=lambda: Call(ME, b"", "raise_epoch"))

    def _profile(self, _: str) -> Any:
        if not self.known:
            raise Reverted("UnknownWorker")
        return SimpleNamespace(hardware_class=hardware_class(self.class_name), capability=950)


@dataclass
class Bench:
    """Measures what it is told, as slowly as it is told."""

    shares: dict[str, float] = field(default_factory=dict)
    nonces: list[bytes] = field(default_factory=list)
    hold: bool = False

    def __call__(self, nonce: bytes, stop: Event) -> list[Measured]:
        self.nonces.append(nonce)
        if self.hold:
            stop.wait(10)
            raise RunStopped("stopped")
        return list(recorded(self.shares).measured)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "journal.sqlite")
    yield found
    found.close()


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeeping, "LOOK_SECONDS", 0)


def make(tmp_path: Path, chain: FakeChain, journal: Journal, bench: Bench, **settings: Any) -> Upkeep:
    look = settings.pop("look", lambda gpus: [Condition() for _ in gpus])
    files = dict.fromkeys(("deployment", "keystore", "password_file"), tmp_path / "x")
    config = WorkerConfig(
        rpc_url="", store="", home=tmp_path, hardware_class="h100-sxm", heartbeat_seconds=0, **files, **settings
    )
    return Upkeep(config, chain, journal, me=ME, gpus=[CARD], measure=bench, look=look)  # type: ignore[arg-type]


def settle(upkeep: Upkeep) -> None:
    """Until the measurement that was begun has ended."""
    give_up = time.monotonic() + 10
    while upkeep._turn.running and time.monotonic() < give_up:
        time.sleep(0.005)


def sure(upkeep: Upkeep) -> None:
    """What was recorded fell short: measured once more, and then acted on."""
    upkeep.step(busy=False)
    settle(upkeep)
    upkeep.step(busy=False)


def kinds(journal: Journal) -> list[str]:
    return [row.kind.partition(":")[0] for row in journal.outbox(*Status)]


# ------------------------------------------------------------------------------------------------------------ when


def test_never_measured__left_alone(tmp_path: Path, journal: Journal) -> None:
    bench = Bench()
    upkeep = make(tmp_path, FakeChain(), journal, bench)
    upkeep.step(busy=False)
    assert not bench.nonces and upkeep.pause() == "" and upkeep.score is None


def test_same_machine_and_recent__left_alone(tmp_path: Path, journal: Journal) -> None:
    recorded({}).save(tmp_path)
    bench = Bench()
    upkeep = make(tmp_path, FakeChain(), journal, bench)
    upkeep.step(busy=False)
    assert not bench.nonces and upkeep.pause() == "" and upkeep.score == 1000


@pytest.mark.parametrize("why", ["driver", "age"])
def test_driver_changed_or_long_ago__measured_from_the_newest_block(tmp_path: Path, journal: Journal, why: str) -> None:
    old = recorded({}, gpus=[replace(CARD, driver="550.1")] if why == "driver" else None, at=1 if why == "age" else 0)
    old.save(tmp_path)
    bench = Bench()
    upkeep = make(tmp_path, FakeChain(), journal, bench)
    upkeep.step(busy=False)
    settle(upkeep)
    upkeep.step(busy=False)
    assert bench.nonces == [b"\xcd" * 32]
    kept = record.load(tmp_path)
    assert kept is not None and kept.fingerprint == fingerprint([CARD]) and kept.judged


def test_job_to_run__waits_for_it_and_takes_no_more(tmp_path: Path, journal: Journal) -> None:
    recorded({}, at=1).save(tmp_path)
    bench = Bench()
    upkeep = make(tmp_path, FakeChain(), journal, bench)
    upkeep.step(busy=True)
    assert not bench.nonces and "measured" in upkeep.pause()


def test_job_comes_while_measuring__the_job_goes_first(tmp_path: Path, journal: Journal) -> None:
    recorded({}, at=1).save(tmp_path)
    bench = Bench(hold=True)
    upkeep = make(tmp_path, FakeChain(), journal, bench)
    upkeep.step(busy=False)
    assert "being measured" in upkeep.pause()
    upkeep.step(busy=True)
    settle(upkeep)
    assert not upkeep._turn.running
    kept = record.load(tmp_path)
    assert kept is not None and kept.at == 1  # nothing new was found
    upkeep.step(busy=False)
    assert len(bench.nonces) == 1  # not again at once


def test_throttled_for_long__measured_again(tmp_path: Path, journal: Journal) -> None:
    recorded({}, judged=True).save(tmp_path)
    bench = Bench()
    upkeep = make(tmp_path, FakeChain(), journal, bench, look=lambda _: [Condition(slowed="too hot")])
    for _ in range(upkeeping.SLOW_LOOKS):
        assert not bench.nonces
        upkeep.step(busy=False)
    settle(upkeep)
    assert len(bench.nonces) == 1
    upkeep.close()


# ------------------------------------------------------------------------------------------------------- what follows


def test_below_its_class__steps_down_at_that_class_price(tmp_path: Path, journal: Journal) -> None:
    recorded({"matmul_bf16": 0.7}).save(tmp_path)
    chain = FakeChain()
    upkeep = make(tmp_path, chain, journal, Bench({"matmul_bf16": 0.7}), classes={REDUCED: 123}, min_price=500)
    sure(upkeep)
    (row,) = journal.outbox(Status.NEW)
    assert row.kind.startswith("reclass:") and row.call.data.split() == [
        b"1000",
        b"123",
    ]  # memory is not scaled down and decides
    assert "below 900" in upkeep.pause()  # nothing more in the class that it leaves
    upkeep.step(busy=False)
    assert kinds(journal) == ["reclass"]  # once
    chain.class_name = REDUCED  # mined
    assert upkeep.step(busy=False)
    assert upkeep.pause() == ""
    assert (upkeep.settings.hardware_class, upkeep.settings.min_price) == (REDUCED, 123)


def test_below_its_class__a_seat_in_an_audit_depends_on_it__steps_down_later(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded({"matmul_bf16": 0.7}).save(tmp_path)
    held = [b"\x01" * 32]
    monkeypatch.setattr("tensorgrid_worker.capability.upkeep.spoken_for", lambda *_: held[0])
    upkeep = make(tmp_path, FakeChain(), journal, Bench({"matmul_bf16": 0.7}), classes={REDUCED: 123}, min_price=500)
    sure(upkeep)
    assert kinds(journal) == [] and "below 900" in upkeep.pause()  # nothing new is taken meanwhile
    held[0] = None  # its trace is open
    upkeep._look_at = 0.0
    upkeep.step(busy=False)
    assert kinds(journal) == ["reclass"]


def test_one_bad_moment__measured_again_and_nothing_follows(tmp_path: Path, journal: Journal) -> None:
    recorded({"matmul_bf16": 0.1}).save(tmp_path)
    bench = Bench()
    upkeep = make(tmp_path, FakeChain(), journal, bench, classes={REDUCED: 1})
    upkeep.step(busy=False)
    assert upkeep.pause() and kinds(journal) == []
    settle(upkeep)
    upkeep.step(busy=False)
    assert len(bench.nonces) == 1 and upkeep.pause() == "" and kinds(journal) == []


def test_moved_back_up_by_its_provider__stays_there_until_measured_again(tmp_path: Path, journal: Journal) -> None:
    recorded({"matmul_bf16": 0.7}).save(tmp_path)
    chain = FakeChain(class_name=REDUCED)
    upkeep = make(tmp_path, chain, journal, Bench(), classes={REDUCED: 1})
    upkeep.step(busy=False)
    chain.class_name = "h100-sxm"
    assert upkeep.step(busy=False)
    assert upkeep.pause() == "" and upkeep.settings.hardware_class == "h100-sxm"


@pytest.mark.parametrize("why", ["no price", "not listed", "too slow for any"])
def test_no_lower_class__stops_taking_and_calls_offers_back(tmp_path: Path, journal: Journal, why: str) -> None:
    recorded({"matmul_bf16": 0.2 if why == "too slow for any" else 0.7}).save(tmp_path)
    chain = FakeChain(listed=frozenset({"h100-sxm"} | ({REDUCED} - ({REDUCED} if why == "not listed" else set()))))
    journal.note_offer(chain.now + 100)
    bench = Bench({"matmul_bf16": 0.2 if why == "too slow for any" else 0.7})
    upkeep = make(tmp_path, chain, journal, bench, classes={} if why == "no price" else {REDUCED: 1})
    sure(upkeep)
    assert "names no lower class" in upkeep.pause()
    assert kinds(journal) == ["raise_epoch"]


def test_attack_slow_h100_sold_as_a100__never(tmp_path: Path) -> None:
    """Another model's results do not repeat bit for bit: it would be slashed for honest work."""
    slow = recorded({"matmul_bf16": 0.5})
    verdict = judge(table()["h100-sxm"], slow, {"a100-80gb": 1, "a10": 1, "cpu": 1}, lambda _: True)
    assert verdict.class_name == ""


def test_not_registered__no_transaction(tmp_path: Path, journal: Journal) -> None:
    recorded({"matmul_bf16": 0.1}).save(tmp_path)
    make(tmp_path, FakeChain(known=False), journal, Bench(), classes={REDUCED: 1}).step(busy=False)
    assert kinds(journal) == []


def test_broken_gpu__takes_nothing_until_it_is_well(tmp_path: Path, journal: Journal) -> None:
    seen = [Condition(broken="3 uncorrected memory errors")]
    upkeep = make(tmp_path, FakeChain(), journal, Bench(), look=lambda _: seen)
    upkeep.step(busy=False)
    assert "uncorrected" in upkeep.pause()
    seen[0] = Condition()
    upkeep.step(busy=False)
    assert upkeep.pause() == ""


def test_record__damaged__as_if_never_measured(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / record.FILE).write_text("{")
    with pytest.raises(CapabilityUnknown):
        record.load(tmp_path)
    assert make(tmp_path, FakeChain(), journal, Bench()).score is None


# ------------------------------------------------------------------------------------------------------------- machine


def test_changes__named_in_words() -> None:
    assert changes({"torch": "2.12", "kernel": "6"}, {"torch": "2.13", "kernel": "6"}) == ["torch: 2.12 -> 2.13"]
    assert changes(fingerprint([CARD]), fingerprint([])) != []
    assert changes(fingerprint([CARD]), fingerprint([CARD])) == []


class FakeNvml:
    """One card with adjustable health; what a consumer card does not tell raises."""

    class NVMLError(Exception):
        pass

    NVML_TEMPERATURE_GPU = NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = NVML_VOLATILE_ECC = 0
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1

    def __init__(self, *, reasons: int = 0, celsius: int = 50, errors: int | None = 0, gone: bool = False) -> None:
        self.reasons, self.celsius, self.errors, self.gone = reasons, celsius, errors, gone

    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if self.gone:
            raise self.NVMLError("GPU is lost")
        return uuid

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _: str) -> int:
        return self.reasons

    def nvmlDeviceGetTemperature(self, _: str, __: int) -> int:
        return self.celsius

    def nvmlDeviceGetTemperatureThreshold(self, _: str, __: int) -> int:
        return 90

    def nvmlDeviceGetTotalEccErrors(self, *_: object) -> int:
        if self.errors is None:
            raise self.NVMLError("Not Supported")
        return self.errors


@pytest.mark.parametrize(
    ("nvml", "slowed", "broken"),
    [
        (FakeNvml(), "", ""),
        (FakeNvml(errors=None), "", ""),
        (FakeNvml(reasons=0x04 | 0x01), "", ""),  # a power cap and idling are everyday
        (FakeNvml(reasons=0x40), "too hot", ""),
        (FakeNvml(celsius=95), "95", ""),
        (FakeNvml(errors=2), "", "2 uncorrected"),
        (FakeNvml(gone=True), "", "gone"),
    ],
)
def test_conditions__what_nvml_tells(nvml: FakeNvml, slowed: str, broken: str) -> None:
    (found,) = conditions([CARD], nvml)
    assert slowed in found.slowed and bool(slowed) == bool(found.slowed)
    assert broken in found.broken and bool(broken) == bool(found.broken)


def test_measured_again_by_a_daemon__how_its_node_answers_is_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("tensorgrid_worker.capability.bench.measure", lambda _, **options: seen.update(options))
    monkeypatch.setattr("tensorgrid_worker.capability.upkeep.Upkeep", lambda *_, measure, **__: measure)
    contracts = SimpleNamespace(connection=SimpleNamespace(latest=lambda: None))
    parts: Any = SimpleNamespace(contracts=contracts, journal=None, account=SimpleNamespace(address=ME))
    config: Any = SimpleNamespace(hardware_class="cpu", capability_seconds=1)
    sandbox: Any = None
    again: Any = start._upkeep(config, parts, sandbox, [])
    again(b"nonce", Event())
    (probe,) = seen["probes"]
    assert probe(b"nonce", 1)["node_answer"].ok
