"""The owner's policies: what each refuses, that none can end the daemon, and the conformance test all must stand."""

from __future__ import annotations

import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.conftest import make_spec
from tests.worker.jobs import JOB, ME, SCHEDULER, STRANGER, TOKEN, VERIFIER, make_record, make_terms

from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.domain.specs import JobSpec
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.config import ConfigInvalid, WorkerConfig, load_config
from tensorgrid_worker.jobs.gate import Gate
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused, NotNow
from tensorgrid_worker.loop.interest import Interest
from tensorgrid_worker.loop.planner import Action, Do
from tensorgrid_worker.memory.records import JobRecord, Preparation
from tensorgrid_worker.policy.anything import Anything
from tensorgrid_worker.policy.base import NOT_NOW, Asked, Free, Need, Policy, Refusal
from tensorgrid_worker.policy.conformance import check
from tensorgrid_worker.policy.free import FreeReader
from tensorgrid_worker.policy.hours import Hours
from tensorgrid_worker.policy.house import House
from tensorgrid_worker.policy.price import PriceFloor
from tensorgrid_worker.policy.requesters import Requesters
from tensorgrid_worker.policy.room import Room
from tensorgrid_worker.policy.size import JobSize

GIB = 1 << 30
TOKENS = {"USDC": TOKEN, "WETH": "0x" + "dD" * 20}
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_asked(**changes: Any) -> Asked:
    asked = Asked(
        requester=STRANGER,
        pay_token=TOKEN,
        price=100,
        value=500,
        stake=50,
        seats=3,
        work_seconds=100,
        settle_seconds=200,
        now=NOON,
        free=Free(8 * GIB, 100 * GIB),
    )
    return replace(asked, **changes)


NEED = Need(60, GIB, 16 << 20, 0, 0, 1)
POLICIES: list[Callable[[], Policy]] = [
    Anything,
    lambda: PriceFloor.of({"usdc": 7}, TOKENS, 3),
    lambda: Requesters.of({"accept": [STRANGER], "deny": [ME]}, TOKENS),
    lambda: Hours.of({"windows": ["22:00-06:00 Europe/Berlin", "12:00-13:00 UTC"]}, TOKENS),
    lambda: JobSize.of({"stake": 1, "value": 1, "wall_seconds": 1, "memory_bytes": 1}, TOKENS),
    lambda: Room.of({"memory_bytes": 1, "disk_bytes": 1, "gpu_memory_bytes": 1}, TOKENS),
]


@pytest.mark.parametrize("make", POLICIES, ids=lambda make: make().name)
def test_policy__each_that_is_shipped__conforms(make: Callable[[], Policy]) -> None:
    check(make())


class Broken:
    name, passing = "broken", False

    def __init__(self, do: Callable[[Asked], Any]) -> None:
        self._do = do

    def refusal(self, asked: Asked) -> Any:
        return self._do(asked)


def forgetful() -> Callable[[Asked], str]:
    seen: list[Asked] = []
    return lambda asked: (seen.append(asked), "" if len(seen) < 10 else "odd")[1]


@pytest.mark.parametrize(
    "do",
    [lambda _: None, lambda _: "x" * 301, lambda _: "two\nlines", lambda asked: asked.need.gpus and "", forgetful()],
    ids=["no text", "a novel", "fakes a line", "needs the spec always", "remembers"],
)
def test_conformance__a_policy_that_breaks_the_rules__is_told(do: Callable[[Asked], Any]) -> None:
    with pytest.raises((AssertionError, AttributeError)):
        check(Broken(do))


# ------------------------------------------------------------------------------------------------------------- each one


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"price": 7}, False),
        ({"price": 6}, True),
        ({"pay_token": TOKENS["WETH"], "price": 3}, False),
        ({"pay_token": TOKENS["WETH"], "price": 2}, True),
    ],
)
def test_price__per_token__else_the_general_floor(changes: dict[str, Any], refused: bool) -> None:
    assert bool(PriceFloor.of({"USDC": 7}, TOKENS, 3).refusal(make_asked(**changes))) is refused


@pytest.mark.parametrize(
    ("settings", "requester", "refused"),
    [
        ({}, STRANGER, False),
        ({"deny": [STRANGER.upper().replace("X", "x")]}, STRANGER, True),
        ({"accept": [ME]}, STRANGER, True),
        ({"accept": [STRANGER]}, STRANGER, False),
        ({"accept": [STRANGER], "deny": [STRANGER]}, STRANGER, True),
    ],
)
def test_requesters__lists__deny_wins(settings: dict[str, Any], requester: str, refused: bool) -> None:
    assert bool(Requesters.of(settings, TOKENS).refusal(make_asked(requester=requester))) is refused


@pytest.mark.parametrize(
    ("window", "moment", "refused"),
    [
        ("09:00-17:00 UTC", "2026-11-21T09:00:00", False),
        ("09:00-17:00 UTC", "2026-11-21T17:00:00", True),
        ("22:00-06:00 UTC", "2026-11-21T23:59:00", False),
        ("22:00-06:00 UTC", "2026-11-21T05:59:00", False),
        ("22:00-06:00 UTC", "2026-11-21T06:00:00", True),
        ("22:00-06:00 Europe/Berlin", "2026-11-21T21:00:00", False),  # 22:00 in winter
        ("22:00-06:00 Europe/Berlin", "2026-07-01T20:00:00", False),  # 22:00 in summer
        ("22:00-06:00 Europe/Berlin", "2026-07-01T04:00:00", True),  # 06:00 in summer
        ("01:00-05:00 America/New_York", "2026-11-21T06:30:00", False),
    ],
)
def test_hours__by_the_clock_of_the_place__over_midnight_and_summer_time(
    window: str, moment: str, refused: bool
) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert bool(Hours.of({"windows": [window]}, {}).refusal(make_asked(now=now))) is refused


@pytest.mark.parametrize(
    ("limits", "need", "words"),
    [
        ({"stake": 49}, None, "risks 49"),
        ({"stake": 50}, None, ""),
        ({"value": 499}, None, "is worth 500"),
        ({"wall_seconds": 59}, None, ""),  # nobody knows yet
        ({"wall_seconds": 59}, NEED, "60 s"),
        ({"memory_bytes": GIB - 1}, NEED, "bytes of memory"),
        ({"memory_bytes": GIB}, NEED, ""),
    ],
)
def test_size__each_limit(limits: dict[str, int], need: Need | None, words: str) -> None:
    refusal = JobSize.of(limits, {}).refusal(make_asked(need=need))
    assert words in refusal and bool(words) == bool(refusal)


@pytest.mark.parametrize(
    ("kept", "free", "need", "refused"),
    [
        ({"memory_bytes": 8 * GIB}, Free(8 * GIB, 0), None, False),
        ({"memory_bytes": 8 * GIB}, Free(8 * GIB, 0), NEED, True),  # the job's own gigabyte too
        ({"memory_bytes": 7 * GIB}, Free(8 * GIB, 0), NEED, False),
        ({"disk_bytes": GIB}, Free(0, GIB), NEED, True),
        ({"gpu_memory_bytes": GIB}, Free(0, 0, (2 * GIB, GIB - 1)), None, True),
        ({"gpu_memory_bytes": GIB}, Free(0, 0), None, False),
        ({}, Free(0, 0), NEED, False),
    ],
)
def test_room__is_kept_free(kept: dict[str, int], free: Free, need: Need | None, refused: bool) -> None:
    assert bool(Room.of(kept, {}).refusal(make_asked(free=free, need=need))) is refused


def test_free__is_read_from_the_machine__and_nothing_that_cannot_be_read_counts_as_free(tmp_path: Path) -> None:
    found = FreeReader(tmp_path)()
    assert found.disk_bytes > 0
    if sys.platform == "linux":
        assert found.memory_bytes > 0
    assert FreeReader(tmp_path / "gone", meminfo=tmp_path / "none")() == Free(0, 0)


# ------------------------------------------------------------------------------------------------------------- together


def house(*policies: Any) -> House:
    return House(policies)


def test_house__first_refusal_has_said_it__under_its_name() -> None:
    found = house(Anything(), JobSize(stake=1), PriceFloor({}, 1000)).refusal(make_asked())
    assert found is not None
    assert str(found).startswith("policy size: it locks 50")


def raises(error: BaseException) -> Callable[[Asked], str]:
    def refusal(_: Asked) -> str:
        raise error

    return refusal


@pytest.mark.parametrize("error", [ZeroDivisionError("a secret"), SystemExit(3), RecursionError(), MemoryError()])
def test_house__a_plugin_raises__job_is_refused_in_its_name_and_nothing_else_happens(error: BaseException) -> None:
    found = house(Broken(raises(error))).refusal(make_asked())
    assert found is not None and found.policy == "broken"
    assert type(error).__name__ in found.words
    assert "secret" not in found.words


@pytest.mark.parametrize("answer", [None, 0, True, b"no"])
def test_house__a_plugin_answers_nonsense__job_is_refused(answer: Any) -> None:
    assert house(Broken(lambda _: answer)).refusal(make_asked()) is not None


def test_house__a_plugin_steers_the_terminal__its_words_are_cleaned_and_cut() -> None:
    found = house(Broken(lambda _: "\x1b[2Jno\n" + "x" * 5000)).refusal(make_asked())
    assert found is not None
    assert found.words.isprintable() and len(found.words) == 300


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"houres": {}}, "there is no policy 'houres'"),
        ({"hours": {"windows": ["22-06"]}}, "22:00-06:00 Europe/Berlin"),
        ({"hours": {"windows": ["22:00-06:00 Europe/Bärlin"]}}, "is no window"),
        ({"hours": {"windows": ["22:00-06:00 ../../etc/passwd"]}}, "is no window"),
        ({"hours": {"windows": ["22:00-06:00 Mars/Olympus"]}}, "no time zone"),
        ({"hours": {"windows": ["22:00-22:00 UTC"]}}, "has no length"),
        ({"hours": {}}, "windows must be"),
        ({"size": {"walls": 3}}, "no setting walls"),
        ({"size": {"stake": -1}}, "at least 0"),
        ({"size": {"stake": "9"}}, "whole number"),
        ({"size": {"stake": True}}, "whole number"),
        ({"price": {"DOGE": 1}}, "no token 'DOGE'"),
        ({"price": {"USDC": 1, "usdc": 2}}, "twice"),
        ({"requesters": {"deny": ["bob"]}}, "no address"),
        ({"requesters": {"deny": "0x"}}, "list"),
        ({"room": {"memory_bytes": 1.5}}, "whole number"),
        ({"hours": 3}, "is a table"),
        ({"Bad Name": {}}, "no name of a policy"),
    ],
)
def test_house__a_setting_that_cannot_be_meant__no_start(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigInvalid, match="policy") as caught:
        House.of(tables, TOKENS, min_price=0, max_stake=None)
    assert words in str(caught.value)


# ------------------------------------------------------------------------------------------------------- third parties


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """third_party(name, source of its module): as pip would leave it, a distribution with an entry point."""

    def install(name: str, source: str) -> None:
        module = f"policy_of_others_{abs(hash((name, source)))}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tensorgrid.policies]\n{name} = {module}:make\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


NIGHT_OWL = """
    class NightOwl:
        name, passing = "owl", True
        def __init__(self, hour): self.hour = hour
        def refusal(self, asked): return "" if asked.now.hour >= self.hour else "the owl sleeps"
    def make(settings, tokens): return NightOwl(settings["hour"])
"""


def test_third_party__by_its_entry_point__is_asked_too(third_party: Callable[[str, str], None]) -> None:
    third_party("owl", NIGHT_OWL)
    found = House.of({"owl": {"hour": 13}}, TOKENS, min_price=0, max_stake=None).refusal(make_asked())
    assert found == Refusal("owl", "the owl sleeps", passing=True)
    assert str(found).startswith(NOT_NOW)


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("owl", "raise OSError('at import')", "cannot be imported"),
        ("owl", "def make(settings, tokens): raise ValueError('hour is missing')", "hour is missing"),
        ("owl", "def make(settings, tokens): raise SystemExit(0)", "cannot be made (SystemExit)"),
        ("owl", "def make(settings, tokens): return None", "cannot be made"),
        ("owl", NIGHT_OWL.replace('"owl"', '"price"'), "is no policy"),  # speaks in another's name
    ],
)
def test_third_party__cannot_be_made__says_which_and_no_start(
    third_party: Callable[[str, str], None], name: str, source: str, words: str
) -> None:
    third_party(name, source)
    with pytest.raises(ConfigInvalid) as caught:
        House.of({name: {"hour": 1}}, TOKENS, min_price=0, max_stake=None)
    assert words in str(caught.value)


def test_third_party__named_like_one_that_is_shipped__is_never_imported(
    third_party: Callable[[str, str], None],
) -> None:
    third_party("hours", "raise AssertionError('imported')")
    House.of({"hours": {"windows": ["00:00-12:00 UTC"]}}, TOKENS, min_price=0, max_stake=None)


def test_third_party__installed_and_not_named__is_never_imported(third_party: Callable[[str, str], None]) -> None:
    third_party("quiet", "raise AssertionError('imported')")
    House.of({}, TOKENS, min_price=0, max_stake=None)


# ----------------------------------------------------------------------------------------------------- gate and daemon


def gate(*policies: Any) -> Gate:
    return Gate(
        frozenset({TOKEN}),
        {SCHEDULER}.__contains__,
        VERIFIER,
        make_terms().hardware_class,
        "cpu",
        House(policies),
        lambda: Free(0, 0),
    )


class Moody:
    """Refuses for now until `open`."""

    name, passing = "moody", True

    def __init__(self) -> None:
        self.open = False
        self.asked = 0

    def refusal(self, asked: Asked) -> str:
        self.asked += 1
        return "" if self.open else "not in the mood"


def interest_with(the_gate: Gate, spec: JobSpec | None = None) -> Interest:
    """As far as judging goes: no chain, no journal."""
    parts: Any = {
        "config": SimpleNamespace(capacity=1),
        "journal": SimpleNamespace(kinds=dict),
        "workshop": SimpleNamespace(spec=lambda *_: spec),
        "joblog": lambda _: type("Quiet", (), {"say": lambda *_, **__: None})(),
    }
    return Interest(gate=the_gate, me=ME, upkeep=None, **parts)


def judged(interest: Interest, records: dict[JobId, JobRecord]) -> set[JobId]:
    """One round, which reaches the journal."""
    changed = interest.judge(records)
    interest.recorded()
    return changed


def test_interest__not_now__asks_again_and_takes_the_job_when_the_hour_comes() -> None:
    mood = Moody()
    interest = interest_with(gate(mood))
    records = {JOB: make_record(preparation=Preparation.NEW)}
    assert judged(interest, records) == {JOB}
    assert records[JOB].preparation is Preparation.REFUSED
    assert judged(interest, records) == set()  # the same words again: nothing to write or to say
    mood.open = True
    assert judged(interest, records) == {JOB}
    assert (records[JOB].preparation, records[JOB].reason) == (Preparation.NEW, "")


def test_interest__not_now__is_asked_again_after_a_restart_too() -> None:
    mood = Moody()
    records = {JOB: make_record(preparation=Preparation.NEW)}
    judged(interest_with(gate(mood)), records)
    mood.open = True
    judged(interest_with(gate(mood)), records)
    assert records[JOB].preparation is Preparation.NEW


def test_interest__price_still_rising__waits_for_the_owners_own_and_says_so_once() -> None:
    """Of a reverse auction: the terms name the ceiling, and a take is paid what the seat is worth now."""
    told: list[str] = []
    interest = interest_with(gate(PriceFloor({}, 600_000)))
    interest._joblog = lambda _: type("Log", (), {"say": lambda *_, reason: told.append(reason)})()  # type: ignore[assignment]
    records = {JOB: make_record(preparation=Preparation.READY)}
    for price in (300_000, 450_000, 599_999):
        assert interest.still([Action(Do.TAKE, JOB, price=price)], records) == []
    assert told == ["not now, its price has not risen to 600000 yet"]
    assert len(interest.still([Action(Do.TAKE, JOB, price=600_000)], records)) == 1


def test_interest__refused_for_good__is_asked_once() -> None:
    mood = Moody()
    mood.passing = False  # type: ignore[misc]
    interest = interest_with(gate(mood))
    records = {JOB: make_record(preparation=Preparation.NEW)}
    judged(interest, records)
    mood.open = True
    assert judged(interest, records) == set()
    assert mood.asked == 1


def test_interest__has_a_seat__does_the_job_whatever_the_policies_say() -> None:
    mood = Moody()
    interest = interest_with(gate(mood))
    reason = str(Refusal("moody", "not in the mood", passing=True))
    records = {JOB: make_record(ME, preparation=Preparation.REFUSED, reason=reason)}
    judged(interest, records)
    assert records[JOB].preparation is Preparation.NEW
    assert mood.asked == 0


def test_interest__hour_passed_between_inspection_and_take__is_not_taken() -> None:
    mood = Moody()
    interest = interest_with(gate(mood))
    records = {JOB: make_record()}
    actions = [Action(Do.TAKE, JOB), Action(Do.COMMIT, JOB)]
    assert interest.still(actions, records) == [Action(Do.COMMIT, JOB)]
    mood.open = True
    assert interest.still(actions, records) == actions


class Small:
    """Wants short jobs only, which a spec alone tells; its mind may change."""

    name, passing, most = "small", True, 10_000

    def refusal(self, asked: Asked) -> str:
        return "" if asked.need is None or asked.need.wall_seconds <= self.most else "too long"


def test_attack_room_is_gone_between_inspection_and_take__the_spec_is_asked_about_again() -> None:
    small, records = Small(), {JOB: make_record()}
    interest = interest_with(gate(small), make_spec(b"def job(): ..."))
    assert interest.still([Action(Do.TAKE, JOB)], records) == [Action(Do.TAKE, JOB)]
    small.most = 0
    assert interest.still([Action(Do.TAKE, JOB)], records) == []


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    return WorkerConfig(
        rpc_url="http://x", deployment=tmp_path, keystore=tmp_path, password_file=tmp_path, store="x", home=tmp_path
    )


def test_inspection__policy_on_what_the_spec_says__refused_before_the_inputs_are_fetched(
    tmp_path: Path, config: WorkerConfig
) -> None:
    store = LocalStore(tmp_path / "store")
    spec = make_spec(b"def job(): ...")  # its bundle is not in the store: fetching it would fail
    terms: JobTerms = make_terms(spec_digest=store.put(spec.to_bytes()).digest)
    inputs = Inputs(store, tmp_path / "scratch", config, 0)
    with pytest.raises(JobRefused, match=r"policy size: .* 60 s"):
        inputs.prepare(JOB, terms, gate(JobSize(wall_seconds=59)).judge)
    with pytest.raises(NotNow, match="not now, policy room"):
        inputs.prepare(JOB, terms, gate(Room(memory_bytes=1)).judge)


def test_settings__policy_tables__reach_the_gate(tmp_path: Path) -> None:
    file = tmp_path / "worker.toml"
    file.write_text(
        'rpc_url = "http://x"\ndeployment = "d"\nkeystore = "k"\npassword_file = "p"\nstore = "s"\nhome = "h"\n'
        '[policy.hours]\nwindows = ["22:00-06:00 Europe/Berlin"]\n[policy.size]\nstake = 5\n'
    )
    assert load_config(file).policy == {"hours": {"windows": ["22:00-06:00 Europe/Berlin"]}, "size": {"stake": 5}}


def test_house__from_many_threads__answers_alike() -> None:
    asked, found = make_asked(), []
    together = house(JobSize(stake=1))
    threads = [threading.Thread(target=lambda: found.append(together.refusal(asked))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(str, found))) == 1
