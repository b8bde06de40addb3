"""Committing: a sealed result per seat, in time; the last one moves the job on."""

from __future__ import annotations

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.job import NOT_SHOWN, ZERO32, SeatHeld
from tests.contracts.signing import NO_SIGNATURE, Domain, short
from tests.contracts.world import SETTLE, Job, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, commitment

SEAL = b"\5" * 32


def assigned(world: World) -> Job:
    return world.assigned()


def test_commit__keeps_the_whole_commitment(world: World) -> None:
    job = assigned(world)
    receipt = job.commit(0, "a")
    salt, root, digest = job.secrets[0]
    seal = commitment(job.id, str(world.workers[0].address), salt, keccak256(root), digest)
    [event] = list(receipt.decode_logs(world.board.JobSealed))
    assert (event.id, event.worker, event.commitment) == (job.id, world.workers[0], seal)
    assert (job.state, job.record.committed) == (JobState.ASSIGNED, 0b001)
    assert world.board.look(job.terms.as_tuple(), job.only(1))[0] == job.id
    with refused("WrongSeats", number=1):  # as it was before
        world.board.look(job.terms.as_tuple(), [job.held[0]._replace(commitment=ZERO32)])


def test_commit__last_one__enters_committed_and_starts_the_settle_clock(world: World) -> None:
    job = assigned(world)
    for index in (2, 0, 1):
        receipt = job.commit(index, "a")
    assert (job.state, job.record.committed) == (JobState.COMMITTED, 0b111)
    assert (job.committed_at, job.deadline) == (receipt.timestamp, receipt.timestamp + SETTLE)
    assert list(receipt.decode_logs(world.board.JobCommitted)) == []  # that tells of closeWork
    [event] = list(receipt.decode_logs(world.board.JobSealed))
    assert (event.id, event.since) == (job.id, receipt.timestamp)


def test_commit__at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = assigned(world)
    world.at(job.deadline)
    job.commit(0, "a")
    with refused("DeadlinePassed", deadline=job.deadline):
        job.commit(1, "a")


def test_commit__twice__is_refused(world: World) -> None:
    job = assigned(world)
    job.commit(0, "a")
    with refused("AlreadyCommitted", worker=world.workers[0]):
        job.commit(0, "b")


def test_commit__nothing__is_refused(world: World) -> None:
    job = assigned(world)
    with refused("CommitmentZero", id=job.id):
        job.commit_as(world.workers[0], ZERO32)


def test_commit__without_a_seat__is_refused(world: World) -> None:
    job = assigned(world)
    with refused("NotSeated", worker=world.workers[3]):
        job.commit_as(world.workers[3], SEAL, number=1, held=[job.held[0]])
    mine = job.held[0]._replace(worker=str(world.workers[3].address))
    with refused("WrongSeats", number=1):
        job.commit_as(world.workers[3], SEAL, number=1, held=[mine])


@pytest.mark.parametrize("number", [1, 3, 4, 255])
def test_commit__under_the_number_of_another_seat__is_refused(world: World, number: int) -> None:
    job = assigned(world)
    with refused("WrongSeats", id=job.id, number=number):
        world.board.commit(job.ref, number, [job.held[1]], SEAL, sender=world.workers[1])
    assert job.record.committed == 0


@pytest.mark.parametrize("number", [0, 2, 3, 8, 9, 200, 255])
def test_commit__alone_on_a_folded_job_under_another_number__is_refused(world: World, number: int) -> None:
    """Sealed, and not counted as committed, would be a way out of the no-show bond."""
    job = world.accepted(answer=None)
    with pytest.raises(ContractLogicError):
        world.board.commit(job.ref, number, job.held, SEAL, sender=world.workers[0])
    assert job.record.committed == 0
    job.commit(0, "a")
    assert job.state == JobState.COMMITTED


@pytest.mark.parametrize("shown", ["all", "own", "own among empty ones"])
def test_commit__may_show_all_seats_or_no_more_than_his_own(world: World, shown: str) -> None:
    job = assigned(world)
    held = {"all": job.held, "own": [job.held[1]], "own among empty ones": job.only(2)}[shown]
    job.commit_as(world.workers[1], SEAL, held=held)
    assert (job.record.committed, job.held[1].commitment) == (0b010, SEAL)


def test_commit__of_a_folded_job__unfolds_it(world: World) -> None:
    job = world.assigned(relayed=True)
    assert job.record.folded
    for held in ([job.held[0]], job.only(1), []):
        with refused("WrongSeats"):
            job.commit_as(world.workers[0], SEAL, held=held)
    job.commit(0, "a")
    assert not job.record.folded
    job.commit_as(world.workers[1], SEAL, held=[job.held[1]])  # no more need to show the others
    job.commit(2, "a")
    assert (job.state, job.record.committed) == (JobState.COMMITTED, 0b111)


def test_commit__of_a_folded_job_with_one_seat__leaves_it_folded(world: World) -> None:
    job = world.accepted()
    assert (job.state, job.record.folded, job.record.committed) == (JobState.COMMITTED, True, 1)
    assert world.board.look(job.terms.as_tuple(), job.held)[0] == job.id


def test_commit__before_all_seats_are_taken__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    with refused("WrongState", have=JobState.POSTED, need=JobState.ASSIGNED):
        job.commit(0, "a")


def test_commit__late_into_committed__is_refused(world: World) -> None:
    job = world.committed(["a", "a", None])
    with refused("WrongState", have=JobState.COMMITTED, need=JobState.ASSIGNED):
        job.commit(2, "a")


def test_commit__another_struct_hash__is_an_unknown_job(world: World) -> None:
    job = assigned(world)
    requester, nonce, terms_hash = job.ref
    for ref in (
        (requester, nonce, keccak256(terms_hash)),
        (requester, nonce + 1, terms_hash),
        (str(world.stranger.address), nonce, terms_hash),
    ):
        with refused("UnknownJob"):
            world.board.commit(ref, 1, [job.held[0]], SEAL, sender=world.workers[0])


# ---- extra seats


def contested(world: World) -> Job:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    return job


def test_commit_extra__counts_apart_and_ends_at_its_own_deadline(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    assert job.record.committed == 0b01111
    assert job.state == JobState.COMMITTED
    world.at(job.extra.workBy + 1)
    with refused("DeadlinePassed", deadline=job.extra.workBy):
        job.commit(4, "b")


def test_commit_extra__at_its_deadline__is_in_time(world: World) -> None:
    job = contested(world)
    world.at(job.extra.workBy)
    job.commit(4, "b")
    assert job.record.committed == 0b10111


def test_commit_extra__by_a_first_seat__is_refused(world: World) -> None:
    job = world.committed(["a", "b", None])
    job.reveal(0, 1)
    job.draw_extra()
    job.take(3)
    with refused("NotSeated", worker=world.workers[2]):
        world.board.commitExtra(job.terms.as_tuple(), 3, [job.held[2]], SEAL, sender=world.workers[2])


def test_commit__by_an_extra_seat_as_if_it_were_a_first_one__is_refused(world: World) -> None:
    job = contested(world)
    with refused("WrongState", have=JobState.COMMITTED, need=JobState.ASSIGNED):
        world.board.commit(job.ref, 4, [job.held[3]], SEAL, sender=world.workers[3])


# ---- several, signed


def test_commit_many__all_signed__commits_them_in_one_call_and_keeps_the_job_folded(world: World) -> None:
    job = world.assigned(relayed=True)
    receipt = job.commit_many(["a", "a", "b"])
    assert [e.worker for e in receipt.decode_logs(world.board.JobSealed)] == world.workers[:3]
    record = job.record
    assert (job.state, record.committed, record.folded) == (JobState.COMMITTED, 0b111, True)
    assert world.board.look(job.terms.as_tuple(), job.held)[0] == job.id


def test_commit_many__of_a_job_that_is_not_folded__writes_each_seat(world: World) -> None:
    job = assigned(world)
    job.commit(1, "a")
    job.commit_many(["a", None, "b"])
    assert (job.state, job.record.committed, job.record.folded) == (JobState.COMMITTED, 0b111, False)
    for number in (1, 2, 3):
        assert world.board.look(job.terms.as_tuple(), job.only(number))[0] == job.id


def test_commit_many__some__gives_each_seat_a_slot_and_leaves_the_others_to_themselves(world: World) -> None:
    """Who comes later by himself knows his own seat, and need not know what the others have committed to."""
    job = world.assigned(relayed=True)
    job.commit_many([None, "a", None])
    assert (job.state, job.record.committed, job.record.folded) == (JobState.ASSIGNED, 0b010, False)
    job.commit(2, "a")
    job.commit_many(["a", None, None])
    assert (job.state, job.record.folded) == (JobState.COMMITTED, False)


def test_commit_many__of_a_folded_job_that_lacks_one__folds_it_no_more(world: World) -> None:
    job = world.assigned(relayed=True)
    job.commit_many(["a", "a", None])
    world.at(job.deadline + 1)
    job.close_work([])
    assert (job.state, job.record.folded) == (JobState.COMMITTED, False)


def test_commit_many__signed_by_another__is_refused(world: World) -> None:
    job = world.assigned(relayed=True)
    seals = [job.commitment(index, "a") for index in range(3)]
    signatures = [job.signed_seal(index, seals[index]) for index in (0, 2, 1)]
    with refused("WrongSigner", id=job.id, have=world.workers[2], need=world.workers[1]):
        job.commit_signed([seals[0], seals[2], seals[1]], signatures)
    assert job.record.committed == 0


def test_commit_many__signed_for_another_commitment_or_job_or_chain_or_board__is_refused(world: World) -> None:
    job, other = world.assigned(relayed=True), world.post()
    seal, worker = job.commitment(0, "a"), world.workers[0]
    here = world.domain
    for message in (
        here.seal(job.id, keccak256(seal)),
        here.seal(other.id, seal),
        Domain(here.chain_id + 1, here.contract).seal(job.id, seal),
        Domain(here.chain_id, str(world.vault.address)).seal(job.id, seal),
    ):
        with refused("WrongSigner", need=worker):
            job.commit_signed([seal, ZERO32, ZERO32], [short(worker, message), NO_SIGNATURE, NO_SIGNATURE])
    with pytest.raises(ContractLogicError):  # no signature at all recovers to nobody
        job.commit_signed([seal, ZERO32, ZERO32], [NO_SIGNATURE] * 3)
    assert job.record.committed == 0


@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
def test_commit_many__a_seat_that_has_committed__is_passed_over_and_keeps_its_commitment(
    world: World, relayed: bool
) -> None:
    """The relayer did not know it yet: what he believed of that seat holds up nobody else's."""
    job = world.assigned(relayed=relayed)
    known = list(job.held)
    job.commit(0, "a")
    kept = job.held[0].commitment
    seals = [job.commitment(index, "b") for index in range(3)]
    signed = [job.signed_seal(index, seal) for index, seal in enumerate(seals)]
    receipt = world.board.commitMany(job.ref, known, seals, signed, sender=world.relayer)
    job.follow(receipt)
    assert [e.worker for e in receipt.decode_logs(world.board.JobSealed)] == world.workers[1:3]
    assert (job.state, job.held[0].commitment) == (JobState.COMMITTED, kept)
    assert world.board.look(job.terms.as_tuple(), job.held)[0] == job.id


def test_commit_many__nothing_new__is_refused(world: World) -> None:
    job = world.assigned(relayed=True)
    with refused("NothingCommitted", id=job.id):
        job.commit_many([None, None, None])
    job.commit_many(["a", None, None])
    with refused("AlreadyCommitted", worker=world.workers[0]):
        job.commit_many(["b", None, None])
    with refused("NothingCommitted", id=job.id):
        job.commit_many([None, None, None])


def test_commit_many__not_one_entry_per_seat__is_refused(world: World) -> None:
    job = world.assigned(relayed=True)
    seals = [job.commitment(index, "a") for index in range(3)]
    signed = [job.signed_seal(index, seals[index]) for index in range(3)]
    with refused("LengthMismatch", have=2, need=3):
        job.commit_signed(seals[:2], signed)
    with refused("LengthMismatch", have=4, need=3):
        job.commit_signed(seals, [*signed, NO_SIGNATURE])


def test_commit_many__seats_missing_or_forged__is_refused(world: World) -> None:
    job, folded = assigned(world), world.assigned(relayed=True)
    for forged in ("price", "payee", "commitment"):
        value = {"price": 1, "payee": str(world.stranger.address), "commitment": SEAL}[forged]
        for one, number in ((job, 1), (folded, 0)):
            a, b, c = one.held
            with refused("WrongSeats", id=one.id, number=number):
                relay_first(one, [a._replace(**{forged: value}), b, c])
            with refused("WrongSeats", id=one.id, number=3):
                relay_first(one, [a, b])
            assert one.record.committed == 0
    with refused("WrongSeats", id=folded.id, number=0):
        relay_first(folded, [folded.held[0], NOT_SHOWN, folded.held[2]])
    relay_first(job, job.only(1))  # not folded: nobody asks about those who do not commit
    assert job.record.committed == 0b001


def relay_first(job: Job, held: list[SeatHeld]) -> None:
    seal = job.commitment(0, "a")
    others = len(held) - 1
    signed = [job.signed_seal(0, seal)] + [NO_SIGNATURE] * others
    job.world.board.commitMany(job.ref, held, [seal] + [ZERO32] * others, signed, sender=job.world.relayer)


def test_commit_many__at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = world.assigned(relayed=True)
    world.at(job.deadline)
    job.commit_many(["a", None, None])
    with refused("DeadlinePassed", deadline=job.deadline):
        job.commit_many([None, "a", None])
