"""Private jobs: whose key was handed in time, whose was not, and what follows for the money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests import model
from tests.contracts.audit import PLAN, WORKER, Audited, audit_terms, everything_paid, sealed
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import PRICE, WORK, World, refused

WRAP, SHARE_BPS = 120, 1_000
SHARE = PRICE * SHARE_BPS // 10_000
WRAPPED = b"age-encryption.org/v1\n..."
MOST_WRAPPED = 1024


def params(wrap: int = WRAP, share: int = SHARE_BPS) -> bytes:
    return (int.from_bytes(PLAN.pack(), "big") | wrap << 208 | share << 240).to_bytes(32, "big")


@dataclass
class Private:
    """An audited job whose seat is taken, with the verbs of the key box."""

    audited: Audited

    @property
    def world(self) -> World:
        return self.audited.world

    @property
    def case(self) -> tuple[Any, Any]:
        return self.audited.terms, self.audited.job.held

    def hand(self, *wrapped: bytes, by: Any = None) -> Any:
        sender = by or self.world.requester
        return self.world.key_box.hand(*self.case, list(wrapped or (WRAPPED,)), sender=sender)

    def miss(self, number: int = 1, by: Any = None) -> Any:
        return self.world.key_box.miss(*self.case, number, sender=by or self.world.stranger)

    def past_handing(self) -> Private:
        self.world.at(self.hand_by + 1)
        return self

    @property
    def hand_by(self) -> int:
        return int(self.audited.job.deadline) - WORK + WRAP

    @property
    def missed(self) -> bool:
        terms = self.audited.job.terms
        return bool(self.world.key_box.isMissed(terms.requester, terms.nonce, sender=self.world.stranger))

    def handed(self, number: int) -> bool:
        terms = self.audited.job.terms
        return bool(self.world.key_box.isHanded(terms.requester, terms.nonce, number, sender=self.world.stranger))

    def settles(self, *rulings: model.Ruling) -> None:
        before, job = Purses.of(self.world), self.audited.job
        assert_carried_out(job, before, [WORKER], rulings, job.settle())
        assert everything_paid(self.audited)


@pytest.fixture
def private(world: World) -> Private:
    return Private(sealed(world, terms=audit_terms(world, verifier_params=params())))


# ---- handing


def test_hand__by_the_requester_in_time__is_remembered_and_told(private: Private) -> None:
    world = private.world
    receipt = private.hand()
    (event,) = receipt.decode_logs(world.key_box.KeyHanded)
    assert (event.worker, bytes(event.wrapped)) == (str(world.workers[WORKER].address), WRAPPED)
    assert private.handed(1) and not private.handed(2) and not private.missed


def test_hand__by_a_delegate__counts_until_he_is_dismissed(private: Private) -> None:
    world, delegate = private.world, private.world.spare[0]
    world.key_box.setDelegate(delegate, sender=world.requester)
    world.key_box.setDelegate("0x" + "0" * 40, sender=world.requester)
    with refused("NotRequester"):
        private.hand(by=delegate)
    world.key_box.setDelegate(delegate, sender=world.requester)
    private.hand(by=delegate)
    assert private.handed(1)


def test_hand__on_the_deadline__counts_and_a_second_later_not(private: Private) -> None:
    world = private.world
    world.at(private.hand_by + 1)
    with refused("DeadlinePassed", deadline=private.hand_by):
        private.hand()


def test_hand__in_the_last_second__counts(private: Private) -> None:
    private.world.at(private.hand_by)
    private.hand()
    assert private.handed(1)


def test_hand__twice__is_refused_so_that_a_worker_knows_which_key_counts(private: Private) -> None:
    private.hand()
    with refused("KeyAlreadyHanded"):
        private.hand(b"another")


def test_hand__longer_than_a_wrapped_key_can_be__is_refused(private: Private) -> None:
    with refused("WrappedTooLong", have=MOST_WRAPPED + 1):
        private.hand(b"x" * (MOST_WRAPPED + 1))


def test_hand__not_one_per_seat__is_refused(private: Private) -> None:
    with refused("LengthMismatch"):
        private.hand(WRAPPED, WRAPPED)


def test_hand__nothing_for_the_seat__hands_nothing(private: Private) -> None:
    private.hand(b"")
    assert not private.handed(1)


def test_hand__of_a_public_job__is_refused(world: World) -> None:
    with refused("NotPrivate"):
        Private(sealed(world)).hand()


def test_hand__before_the_seat_is_taken__is_refused(world: World) -> None:
    job = world.post(audit_terms(world, verifier_params=params()))
    with refused("WrongState"):
        world.key_box.hand(job.terms.as_tuple(), [], [], sender=world.requester)


def test_hand__of_a_later_job_of_the_lane__does_not_count_for_it(world: World) -> None:
    lane = 77
    first = Private(sealed(world, terms=audit_terms(world, verifier_params=params(), lane=lane)))
    first.hand()
    world.at(first.audited.job.deadline + 1)
    first.audited.job.expire()
    world.at(world.now + WORK + 1)  # his cool-down is over
    second = Private(sealed(world, terms=audit_terms(world, verifier_params=params(), lane=lane)))
    assert not second.handed(1)
    second.past_handing().miss()
    assert second.missed and not first.missed


# ---- nobody hands


def test_miss__no_key_came__the_worker_gets_his_share_without_fault_or_score(private: Private) -> None:
    private.past_handing().miss(by=private.world.workers[WORKER])
    private.audited.commit()
    private.settles(model.Ruling(SHARE))


def test_miss__called_by_anyone__counts_once_and_again_without_harm(private: Private) -> None:
    private.past_handing().miss()
    private.miss()
    assert private.missed


def test_miss__before_the_deadline__is_refused(private: Private) -> None:
    private.world.at(private.hand_by)
    with refused("DeadlineNotPassed", deadline=private.hand_by):
        private.miss()


def test_miss__after_the_work_deadline__is_refused(private: Private) -> None:
    private.world.at(private.audited.job.deadline + 1)
    with refused("DeadlinePassed"):
        private.miss()


def test_miss__worker_never_commits__is_a_no_show_all_the_same(private: Private) -> None:
    private.past_handing().miss()
    world, job = private.world, private.audited.job
    world.at(job.deadline + 1)
    before = Purses.of(world)
    assert_carried_out(job, before, [WORKER], [model.Ruling(0, "no-show")], job.expire())


def test_missed__share_of_nothing__still_ends_without_fault(world: World) -> None:
    private = Private(sealed(world, terms=audit_terms(world, verifier_params=params(share=0))))
    private.past_handing().miss()
    private.audited.commit()
    private.settles(model.Ruling(0))


# ---- attacks


def test_attack_worker_claims_missing_though_handed__is_refused(private: Private) -> None:
    private.hand()
    private.past_handing()
    with refused("KeyAlreadyHanded"):
        private.miss(by=private.world.workers[WORKER])


def test_attack_requester_hands_after_he_was_found_missing__changes_nothing(private: Private) -> None:
    private.past_handing().miss()
    with refused("DeadlinePassed"):
        private.hand()
    private.audited.commit()
    private.settles(model.Ruling(SHARE))


def test_attack_stranger_hands_junk_to_stop_the_requester__is_refused(private: Private) -> None:
    for who in (private.world.stranger, private.world.workers[WORKER]):
        with refused("NotRequester"):
            private.hand(b"junk", by=who)


def test_attack_requester_hands_to_an_empty_entry__reaches_nobody(private: Private) -> None:
    zero = "0x" + "0" * 40
    empty = (zero, zero, zero, 0, b"\0" * 32)
    with refused("WrongSeats"):
        private.world.key_box.hand(
            private.audited.terms, [*private.audited.job.held, empty], [b"", WRAPPED], sender=private.world.requester
        )


def test_attack_worker_misses_and_has_auditors_seated_too__is_paid_his_share_alone(private: Private) -> None:
    private.past_handing().miss()
    private.audited.commit_and_begin()
    private.settles(model.Ruling(SHARE))


# ---- a seat that was lost and given anew


@pytest.fixture
def lost(world: World) -> Private:
    """Worker 0 had the seat; it may be opened again once."""
    return Private(sealed(world, terms=audit_terms(world, verifier_params=params(), reopens=1)))


def taken_again(private: Private) -> Private:
    """Worker 0 has never committed, and worker 1 has his seat now."""
    world, job = private.world, private.audited.job
    world.at(job.deadline + 1)
    job.reopen()
    world.mine(3)
    world.at(int(job.record.clock) + 91)  # three quarters of the time to take it: everybody is drawn
    job.take(1)
    return private


def test_attack_requester_handed_the_worker_before__the_next_one_is_missed_all_the_same(lost: Private) -> None:
    lost.hand()
    taken_again(lost)
    assert not lost.handed(1)
    lost.past_handing().miss(by=lost.world.workers[1])
    assert lost.missed


def test_hand__seat_given_anew__reaches_its_new_worker(lost: Private) -> None:
    lost.hand()
    receipt = taken_again(lost).hand(b"sealed to another")
    (event,) = receipt.decode_logs(lost.world.key_box.KeyHanded)
    assert event.worker == str(lost.world.workers[1].address)
    assert lost.handed(1) and not lost.missed


def test_attack_worker_before_missed__the_next_one_is_audited_and_not_paid_the_share(lost: Private) -> None:
    lost.past_handing().miss()
    taken_again(lost)
    assert not lost.missed
    lost.hand()
    job = lost.audited.job
    job.commit(1, "a")
    with refused("VerdictPending", id=job.id):
        job.settle()


# ---- what terms may say


@pytest.mark.parametrize(
    ("wrap", "share"), [(59, 1), (WORK // 2 + 1, 1), (0, 1), (WRAP, 10_001)], ids=["short", "long", "none", "share"]
)
def test_needs__wrap_time_or_share_out_of_bounds__is_refused(world: World, wrap: int, share: int) -> None:
    with refused("ParamsInvalid"):
        world.post(audit_terms(world, verifier_params=params(wrap, share)))
