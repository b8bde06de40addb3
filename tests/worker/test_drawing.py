"""Rounds of drand that jobs wait for: fetched beside the loop, stored by whom the draw lets in; and a seat's price."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.jobs import JOB, ME, SCHEDULER, SETTLE_TIME, THIRD, TOKEN, WORK_TIME, make_record
from tests.worker.test_view import FakeChain, head, job, look

from tensorgrid.chain.calls import Call
from tensorgrid.chain.records import Candidate, Draw, Quote
from tensorgrid.domain.errors import ChainError, Reverted, RoundNotPublished, Unreachable
from tensorgrid.domain.jobs import ExtraSeats, JobState, job_seed
from tensorgrid_worker.auditing.fetching import FIRST_PAUSE, Fetcher, Proof
from tensorgrid_worker.jobs.schedulers import Schedulers
from tensorgrid_worker.loop.drawing import BLOCKS_AHEAD, Drawing, draw_of
from tensorgrid_worker.loop.planner import Do, JobView, Memory, plan, room_for
from tensorgrid_worker.loop.view import ViewReader
from tensorgrid_worker.memory.records import Preparation
from tensorgrid_worker.memory.rows import STORE_ROUND, Status

ROUND, VALUE, SIGNATURE = 12, b"\3" * 32, b"\4" * 64
POSTED = job(JobState.POSTED, taken=0)
AUCTION = "0x" + "e" * 40


def wanted(**changes: Any) -> JobView:
    """Of a job that we want, whose round is not on chain."""
    view = JobView(make_record(preparation=Preparation.READY), POSTED, unstored=ROUND)
    return replace(view, **changes)


class Market:
    """Contracts that let us in from `at` on, for `price`."""

    def __init__(self, at: int = 0, price: int = 1_000_000, refuse: str = "") -> None:
        self.asked: list[tuple[Draw, int]] = []

        def quote(terms: Any, draw: Draw, candidate: Candidate, time: int) -> Quote:
            self.asked.append((draw, time))
            if refuse:
                raise Reverted(refuse, {})
            return Quote(time >= at, price)

        self.scheduler = lambda address: SimpleNamespace(quote=quote)
        self.board = SimpleNamespace(candidate=lambda who: who)
        self.beacon = SimpleNamespace(store=lambda number, proof: Call("0x", bytes([number]) + proof, "store"))


class Shelf:
    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def proof(self, number: int) -> Proof | None:
        return Proof(SIGNATURE, VALUE) if number in self.numbers else None


def sent(market: Market, *views: JobView, least: int = 0, outbox: Any = None, shelf: Shelf | None = None) -> list[str]:
    drawing = Drawing(market, ME, shelf or Shelf(ROUND), lambda token: least)  # type: ignore[arg-type]
    return [each.kind for each in drawing.step(views, outbox or {}, head(now=1_000))]


def test_round__the_draw_lets_us_in_when_our_take_could_be_mined__we_store_it() -> None:
    market = Market(at=1_000 + BLOCKS_AHEAD)
    assert sent(market, wanted()) == [f"{STORE_ROUND}{ROUND}"]
    [(draw, _)] = market.asked
    assert draw == Draw(job_seed(JOB, VALUE), POSTED.clock, wanted().record.terms.take_by)


def test_round__seats_given_anew__we_ask_about_the_time_there_is_now() -> None:
    """Long after the first take time the draw would be over, and a drand round of a reopened job brought by nobody."""
    market, record = Market(), replace(wanted().record, reopened=1, reopened_until=9_000)
    assert sent(market, wanted(record=record)) == [f"{STORE_ROUND}{ROUND}"]
    [(draw, _)] = market.asked
    assert draw == Draw(job_seed(JOB, VALUE), POSTED.clock, 9_000)


@pytest.mark.parametrize(
    ("market", "least", "shelf"),
    [
        (Market(at=1_001 + BLOCKS_AHEAD), 0, Shelf(ROUND)),
        (Market(price=499), 500, Shelf(ROUND)),
        (Market(refuse="Mine"), 0, Shelf(ROUND)),
        (Market(), 0, Shelf()),
    ],
    ids=["not drawn yet", "below our price", "a scheduler that reverts", "not fetched yet"],
)
def test_round__no_take_of_ours_would_follow__we_do_not_pay_for_it(market: Market, least: int, shelf: Shelf) -> None:
    assert sent(market, wanted(), least=least, shelf=shelf) == []


def test_round__two_jobs_wait_for_it__sent_once() -> None:
    assert len(sent(Market(), wanted(), wanted())) == 1
    kind = f"{STORE_ROUND}{ROUND}"
    assert sent(Market(), wanted(), outbox={(JOB, kind): Status.SENT}) == []
    assert sent(Market(), wanted(), outbox={(JOB, kind): Status.REFUSED}) == [kind]
    assert sent(Market(), wanted(unstored=0)) == []


def test_draw__of_extra_seats__has_clocks_of_its_own() -> None:
    extra = ExtraSeats(2, ROUND, 2_000, 2_100, 2_200)
    assert draw_of(wanted(extra=extra), VALUE) == Draw(job_seed(JOB, VALUE), 2_000, 2_100)


# ---------------------------------------------------------------------------------------------------------- the view


def chain(refuse: str = "", price: int = 700_000) -> FakeChain:
    found = FakeChain(POSTED, refuse=refuse, value=VALUE)
    found.lottery = SimpleNamespace(address=SCHEDULER)
    found.board.candidate = lambda who: who  # type: ignore[attr-defined]
    found.scheduler = lambda address: SimpleNamespace(  # type: ignore[attr-defined]
        quote=lambda terms, draw, candidate, time: Quote(True, price)
    )
    return found


def test_view__round_is_due_and_not_stored__says_which() -> None:
    view = look(chain("RoundNotStored"), make_record(preparation=Preparation.READY))
    assert (view.may_take, view.unstored) == (False, ROUND)
    assert look(chain("NotDrawn"), make_record(preparation=Preparation.READY)).unstored == 0
    assert look(chain(), make_record(preparation=Preparation.READY), head(ROUND - 1)).unstored == 0


def test_view__any_scheduler__is_asked_for_the_price() -> None:
    record = make_record(preparation=Preparation.READY)
    auctioned = replace(record, terms=replace(record.terms, scheduler=AUCTION))
    assert (look(chain(), auctioned).may_take, look(chain(), auctioned).price) == (True, 700_000)
    assert look(chain(), record).price == record.terms.price  # the lottery has one price


def test_view__seats_given_anew__their_price_rises_until_the_new_time() -> None:
    found, asked = chain(), list[Draw]()

    def quote(terms: Any, draw: Draw, candidate: Any, time: int) -> Quote:
        asked.append(draw)
        return Quote(True, 700_000)

    found.scheduler = lambda address: SimpleNamespace(quote=quote)  # type: ignore[attr-defined]
    record = make_record(preparation=Preparation.READY, reopened=1, reopened_until=9_000)
    assert look(found, replace(record, terms=replace(record.terms, scheduler=AUCTION))).price == 700_000
    assert [draw.closes_at for draw in asked] == [9_000]


def test_view__seats_given_anew__their_auditors_are_wanted_in_the_new_time() -> None:
    record = make_record(THIRD, preparation=Preparation.READY, assigned_block=20, extra_block=30)
    reader = ViewReader(chain(), ME)  # type: ignore[arg-type]
    late = head(now=9_000 + WORK_TIME + SETTLE_TIME)
    assert reader.read({JOB: record}, late) == []
    assert len(reader.read({JOB: replace(record, reopened=1, reopened_until=9_000)}, late)) == 1


def test_plan__take__names_the_price_of_now() -> None:
    [action] = plan([wanted(unstored=0, may_take=True, price=700_000)], Memory(ME), 1, 900)
    assert (action.do, action.price) == (Do.TAKE, 700_000)


def test_room__busy_or_draining_worker_has_none() -> None:
    """A busy worker cannot win a seat, and pays for nobody's round; an idle one can."""
    assert room_for([wanted()], Memory(ME), 1) == 1
    assert room_for([wanted()], Memory(ME, draining=True), 1) == 0
    busy = wanted(number=1, held=(SimpleNamespace(committed=False),), job=job(JobState.ASSIGNED))
    assert room_for([busy, wanted()], Memory(ME), 1) == 0


# ------------------------------------------------------------------------------------------------------- the fetcher


class Relay:
    """Answers once `open`: fails with each of `errors`, then has the round."""

    def __init__(self, *errors: ChainError) -> None:
        self.errors, self.asked, self.open = list(errors), 0, threading.Event()

    def proof(self, beacon: Any, number: int) -> tuple[bytes, bytes]:
        assert self.open.wait(10)
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return SIGNATURE, VALUE


def fetched(relay: Relay) -> tuple[Fetcher, threading.Event]:
    """The fetcher, and what is set when it wakes the loop."""
    woken = threading.Event()
    return Fetcher(None, relay, woken.set), woken  # type: ignore[arg-type]


def test_fetcher__the_loop_never_waits__and_is_woken() -> None:
    relay = Relay()
    fetcher, woken = fetched(relay)
    assert fetcher.proof(ROUND) is None
    assert fetcher.proof(ROUND) is None
    relay.open.set()
    assert woken.wait(10)
    assert (fetcher.proof(ROUND), relay.asked) == (Proof(SIGNATURE, VALUE), 1)


def test_attack_relay_stalls_one_round__another_is_fetched_meanwhile() -> None:
    stalled = threading.Event()

    class Stalling(Relay):
        def proof(self, beacon: Any, number: int) -> tuple[bytes, bytes]:
            if number == ROUND:
                assert stalled.wait(30)
            return super().proof(beacon, number)

    relay = Stalling()
    relay.open.set()
    fetcher, woken = fetched(relay)
    fetcher.proof(ROUND)
    fetcher.proof(ROUND + 1)
    assert woken.wait(10)
    assert (fetcher.proof(ROUND), fetcher.proof(ROUND + 1)) == (None, Proof(SIGNATURE, VALUE))
    stalled.set()


def test_fetcher__not_published_yet__is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay(RoundNotPublished("wait", ROUND))
    relay.open.set()
    fetcher, woken = fetched(relay)
    fetcher.proof(ROUND)
    for thread in threading.enumerate():
        if thread.name == f"round-{ROUND}":
            thread.join(10)
    assert [fetcher.proof(ROUND) for _ in range(10)] == [None] * 10
    assert relay.asked == 1
    later = time.monotonic() + FIRST_PAUSE
    monkeypatch.setattr(time, "monotonic", lambda: later)
    fetcher.proof(ROUND)
    assert woken.wait(10)
    assert fetcher.proof(ROUND) == Proof(SIGNATURE, VALUE)


# ----------------------------------------------------------------------------------------------------- the schedulers


class Network:
    """`listed`: the network's list; `answer`: what a stranger's contract says of itself."""

    def __init__(self, listed: bool, answer: bool | ChainError) -> None:
        def draws() -> bool:
            if isinstance(answer, ChainError):
                raise answer
            return answer

        self.strategies = {"lottery": SimpleNamespace(address=SCHEDULER)}
        self.offers = SimpleNamespace(address=TOKEN)
        self.parameters = SimpleNamespace(scheduler_allowed=lambda address: listed)
        self.scheduler = lambda address: SimpleNamespace(draws=draws)


@pytest.mark.parametrize(
    ("listed", "answer", "known"),
    [(True, True, True), (False, True, False), (True, False, False), (True, Reverted("Mine", {}), False)],
    ids=["listed", "not listed", "gives no seats", "reverts"],
)
def test_schedulers__a_third_partys__by_the_list_and_its_word(listed: bool, answer: Any, known: bool) -> None:
    schedulers = Schedulers(Network(listed, answer))  # type: ignore[arg-type]
    assert schedulers.draws(AUCTION) is known
    assert schedulers.draws(SCHEDULER)
    assert not schedulers.draws(TOKEN)  # offers seat nobody who comes


def test_schedulers__node_away__is_no_answer() -> None:
    with pytest.raises(Unreachable):
        Schedulers(Network(True, Unreachable("gone"))).draws(AUCTION)  # type: ignore[arg-type]
