"""Revealing: first-round seats open a hash of their root, extra seats the root itself, each in its time. Anyone may
post openings, one by one or all at once; the ones that complete an agreed first round settle the job on the way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.job import ZERO, Job
from tests.contracts.purses import Purses
from tests.contracts.world import EXTRA_TAKE, GRACE, PRICE, REVEAL, World, container, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, commitment


def contested(world: World, **changes: Any) -> Job:
    """Two against one, both extra seats taken."""
    job = world.committed(["a", "b", "b"], **changes)
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    return job


def groups(job: Job) -> list[int]:
    return [int(group) for group in job.tally.group]


# ---- the first round


def test_reveal__equal_roots__share_a_group(world: World) -> None:
    job = world.committed(["a", "b", "a"])
    receipt = job.reveal(0, 1)
    assert groups(job) == [1, 2, 0, 0, 0]
    assert (job.tally.groups, job.tally.revealed, job.tally.limits) == (2, 2, 0)
    [event] = list(receipt.decode_logs(world.replication.Revealed))
    _, root, digest = job.secrets[1]
    assert (event.id, event.worker) == (job.id, world.workers[1])
    assert (event.rootHash, event.receiptDigest) == (keccak256(root), digest)
    job.reveal(2)
    assert groups(job) == [1, 2, 1, 0, 0]


def test_reveal__limit_classes__are_recognised(world: World) -> None:
    job = world.committed(["wall_limit", "raised", "memory_limit"])
    job.reveal(0, 1, 2)
    assert (job.tally.groups, job.tally.limits) == (3, 0b101)


def test_reveal__before_all_have_committed__is_too_early(world: World) -> None:
    job = world.assigned()
    job.commit(0, "a")
    with refused("RevealTooEarly", id=job.id):
        job.reveal(0)


def test_reveal__at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    deadline = job.committed_at + REVEAL + GRACE
    world.at(deadline)
    job.reveal(0)
    with refused("RevealTooLate", deadline=deadline):
        job.reveal(1)


def test_reveal__after_the_end__is_too_late(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0)
    world.at(job.deadline + 1)
    job.settle()
    assert job.state == JobState.SETTLED
    with refused("RevealTooLate"):
        job.reveal(1)


@pytest.mark.parametrize("relayed", [False, True], ids=["seats apart", "folded"])
def test_reveal__twice__counts_once(world: World, relayed: bool) -> None:
    job = world.committed(["a", "a", "a"], relayed=relayed)
    receipt = job.reveal_together(0, 0)
    assert len(list(receipt.decode_logs(world.replication.Revealed))) == 1
    assert groups(job) == [1, 0, 0, 0, 0]
    for again in ((0,), (0, 0)):
        with refused("AlreadyRevealed", worker=world.workers[0]):
            job.reveal_together(*again)


def test_reveal__never_committed__is_refused(world: World) -> None:
    job = world.committed(["a", "a", None])
    job.secrets[2] = job.secrets[0]
    with refused("NotCommitted", worker=world.workers[2]):
        job.reveal(2)


@pytest.mark.parametrize("number", [0, 4, 255])
def test_reveal__of_no_seat__is_refused(world: World, number: int) -> None:
    job = world.committed(["a", "a", "a"])
    _, *opening = job.opening(0)
    with refused("NotCommitted" if number < 4 else "RevealTooEarly"):
        job.reveal_as(world.stranger, [(number, *opening)], held=job.held)


def test_reveal__of_a_seat_that_is_not_shown__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    with refused("NotCommitted", worker=ZERO):
        job.reveal_as(world.workers[0], [job.opening(0)], held=job.only(1 + 1))
    with refused("NotCommitted", worker=ZERO):
        job.reveal_as(world.workers[0], [job.opening(0)], held=[])


def test_reveal__nothing__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    with refused("NotCommitted", worker=ZERO):
        job.reveal_as(world.stranger, [], held=job.held)


def test_reveal__of_a_job_that_was_never_posted__is_refused(world: World) -> None:
    job = Job(world, world.terms(), bytes(32), world.now)
    with refused("UnknownJob"):
        job.reveal_as(world.stranger, [(1, bytes(32), bytes(32), bytes(32))], held=[])


def test_reveal__another_salt_root_or_receipt__does_not_match(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    salt, root, digest = job.secrets[0]
    for wrong in ((b"\0" * 32, root, digest), (salt, job.root("b"), digest), (salt, root, b"\0" * 32)):
        job.secrets[0] = wrong
        with refused("CommitmentMismatch", worker=world.workers[0]):
            job.reveal(0)
    job.secrets[0] = (salt, root, digest)
    job.reveal(0)


def test_reveal__the_one_that_completes_an_undecided_round__opens_two_seats_itself(world: World) -> None:
    job = world.committed(["a", "b", "a"])
    job.reveal(0, 1)
    assert job.extra.count == 0
    receipt = job.reveal(2)
    [event] = list(receipt.decode_logs(world.replication.ExtraSeatsOpened))
    extra = job.extra
    assert (extra.count, extra.opensAt) == (2, receipt.timestamp)
    assert (event.round, event.takeBy, event.workBy) == (extra.round, extra.takeBy, extra.workBy)
    assert event.revealBy == extra.workBy + REVEAL + GRACE
    assert event.revealBy < job.deadline
    assert (job.tally.extraOpenedAt, job.tally.extraRound) == (extra.opensAt, extra.round)


def test_reveal__the_only_commitment__opens_two_seats_itself(world: World) -> None:
    job = world.committed(["a", None, None])
    job.reveal_together(0)
    assert job.state == JobState.COMMITTED
    assert job.extra.count == 2


def test_reveal__two_equal_of_two__decides_at_once(world: World) -> None:
    job = world.committed(["a", "a", None])
    job.reveal(0, 1)
    assert job.extra.count == 0
    job.settle()
    assert job.state == JobState.SETTLED


# ---- the second round


def test_reveal__of_a_root_by_its_hash_or_of_a_hash_by_its_root__does_not_match(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    job.commit(4, "b")
    number, salt, root, digest = job.opening(3)
    with refused("CommitmentMismatch", worker=world.workers[3]):
        job.reveal_as(world.workers[3], [(number, salt, keccak256(root), digest)])
    other = world.committed(["a", "a", "a"])
    salt, root, digest = other.secrets[0]
    with refused("CommitmentMismatch", worker=world.workers[0]):
        other.reveal_as(world.workers[0], [(1, salt, root, digest)])


def test_reveal__both_rounds_in_one_call__is_refused(world: World) -> None:
    job = world.committed(["a", "b", "c"])
    job.reveal(0, 1)
    world.at(job.committed_at + REVEAL + GRACE + 1)
    job.open_extra()
    job.draw_extra()
    job.take(3, 4)
    job.commit(3, "b")
    job.commit(4, "b")
    with refused("RootExpected", worker=world.workers[2]):
        job.reveal_together(3, 2)
    with refused("RevealTooLate"):
        job.reveal_together(2, 3)
    job.reveal_together(3, 4)


def test_reveal__root_while_an_extra_seat_may_still_commit__is_too_early(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    with refused("RevealTooEarly", id=job.id):
        job.reveal(3)
    job.commit(4, "b")
    job.reveal(3, 4)
    assert groups(job) == [1, 2, 2, 2, 2]


def test_reveal__root_while_an_extra_seat_may_still_be_taken__is_too_early(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3)
    job.commit(3, "b")
    world.at(job.extra.takeBy)
    with refused("RevealTooEarly", id=job.id):
        job.reveal(3)
    job.reveal(3)  # a second later: the other seat stays empty


def test_reveal__root_when_the_other_extra_seat_never_committed__from_its_work_deadline_on(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    world.at(job.extra.workBy)
    with refused("RevealTooEarly", id=job.id):
        job.reveal(3)
    job.reveal(3)


def test_reveal__root_at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    job.commit(4, "b")
    deadline = job.extra.workBy + REVEAL + GRACE
    world.at(deadline)
    job.reveal(3)
    with refused("RevealTooLate", deadline=deadline):
        job.reveal(4)


# ---- openings posted together, and settling on the way


@pytest.mark.parametrize("relayed", [False, True], ids=["seats apart", "folded"])
def test_reveal_together__an_agreed_round__settles_the_job(world: World, relayed: bool) -> None:
    job = world.committed(["a", "a", "a"], relayed=relayed)
    before = Purses.of(world)
    receipt = job.reveal_together(2, 0, 1, by=world.stranger)
    assert job.state == JobState.SETTLED
    after = Purses.of(world)
    assert [a - b for a, b in zip(after.providers, before.providers, strict=True)] == [PRICE] * 3 + [0] * 3
    shown = [(log.worker, log.rootHash) for log in receipt.decode_logs(world.replication.Revealed)]
    assert shown == [(world.workers[i], keccak256(job.root("a"))) for i in (2, 0, 1)]
    assert (groups(job), job.tally.revealed) == ([0] * 5, 0)  # an ended job has no tally, its events tell


def test_reveal_together__two_of_three_committed__settles_with_the_no_show(world: World) -> None:
    job = world.committed(["a", None, "a"], relayed=True)
    job.reveal_together(0, 2)
    assert job.state == JobState.SETTLED
    assert world.reputation.scoreOf(world.board, world.workers[1]).faults == 1


def test_reveal__the_last_own_one_with_all_seats_shown__settles_the_job(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1)
    job.reveal_as(world.workers[2], [job.opening(2)], held=job.held)
    assert job.state == JobState.SETTLED


def test_reveal__the_last_own_one_with_his_seat_alone__leaves_settling_to_anyone(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    assert job.state == JobState.COMMITTED
    assert (groups(job), job.tally.revealed) == ([1, 1, 1, 0, 0], 3)
    job.settle()
    assert job.state == JobState.SETTLED


def test_reveal_together__unequal__opens_two_seats_and_after_them_anyone_settles(world: World) -> None:
    job = world.committed(["a", "b", "b"], relayed=True)
    job.reveal_together(0, 1, 2)
    assert (job.state, job.extra.count, groups(job)) == (JobState.COMMITTED, 2, [1, 2, 2, 0, 0])
    job.draw_extra()
    job.take(3, 4)
    job.commit(3, "b")
    job.commit(4, "b")
    job.reveal_together(4, 3)
    assert (job.state, groups(job)) == (JobState.COMMITTED, [1, 2, 2, 2, 2])
    job.settle()
    assert job.state == JobState.SETTLED


def test_reveal_together__one_wrong_opening__shows_none(world: World) -> None:
    job = world.committed(["a", "a", "a"], relayed=True)
    good = [job.opening(0), job.opening(1)]
    with refused("CommitmentMismatch", worker=world.workers[2]):
        job.reveal_as(world.relayer, [*good, (3, *job.opening(1)[1:])], held=job.held)
    assert groups(job) == [0] * 5
    job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED


def together(job: Job) -> tuple[Any, bytes]:
    """What a joint reveal of the job calls."""
    reveal = job.world.replication.reveal
    openings = [job.opening(index) for index in range(3)]
    return job.world.replication, bytes(reveal.encode_input(job.terms.as_tuple(), job.held, openings))


def settling(job: Job) -> tuple[Any, bytes]:
    return job.world.board, bytes(job.world.board.settle.encode_input(job.terms.as_tuple(), job.held))


def in_one_transaction(world: World, *calls: tuple[Any, bytes]) -> Any:
    controller = world.deploy_double("StubController")
    targets, payloads = zip(*calls, strict=True)
    return controller.runAll(list(targets), list(payloads), sender=world.stranger)


def both_committed(world: World) -> tuple[Job, Job]:
    """Two jobs that agree, committed to within a few seconds of one another."""
    jobs = (world.post(), world.post())
    jobs[1].draw()
    for job in jobs:
        job.take_many(0, 1, 2)
        job.commit_many(["a", "a", "a"])
    return jobs


def test_reveal_together__two_jobs_in_one_transaction__each_by_its_own(world: World) -> None:
    one, two = both_committed(world)
    before = Purses.of(world)
    in_one_transaction(world, together(one), together(two))
    assert (one.state, two.state) == (JobState.SETTLED, JobState.SETTLED)
    after = Purses.of(world)
    assert [a - b for a, b in zip(after.providers, before.providers, strict=True)] == [2 * PRICE] * 3 + [0] * 3


def test_attack_second_job_leans_on_the_agreement_of_the_first__in_one_transaction(world: World) -> None:
    one, two = both_committed(world)
    with refused("VerdictPending", id=two.id):
        in_one_transaction(world, together(one), settling(two))
    with refused("WrongState", id=one.id):
        in_one_transaction(world, together(one), settling(one))
    assert (one.state, two.state) == (JobState.COMMITTED, JobState.COMMITTED)


def test_attack_agreed_job_pays_twice__by_revealing_again_in_the_same_transaction(world: World) -> None:
    job = world.committed(["a", "a", "a"], relayed=True)
    with refused("RevealTooLate", id=job.id):
        in_one_transaction(world, together(job), together(job))
    job.reveal_together(0, 1, 2)
    with refused("RevealTooLate", id=job.id):
        job.reveal_together(0, 1, 2)


# ---- what others try


@pytest.mark.parametrize("relayed", [False, True], ids=["seats apart", "folded"])
def test_attack_joint_reveal_is_held_up__by_showing_one_of_its_openings_first(world: World, relayed: bool) -> None:
    """What is under way can be read by all. Who shows one of the openings before the others arrive keeps none of them
    back, and the job is settled all the same."""
    job = world.committed(["a", "a", "a"], relayed=relayed)
    job.reveal_as(world.stranger, [job.opening(1)], held=job.held)
    receipt = job.reveal_together(0, 1, 2)
    assert [log.worker for log in receipt.decode_logs(world.replication.Revealed)] == [world.workers[i] for i in (0, 2)]
    assert job.state == JobState.SETTLED


def test_attack_second_round_is_drawn_again__by_showing_the_first_once_more(world: World) -> None:
    job = world.committed(["a", "b", "b"], relayed=True)
    job.reveal_together(0, 1, 2)
    drawn = job.extra
    with refused("AlreadyRevealed"):
        job.reveal_together(0, 1, 2)
    assert job.extra == drawn


def test_attack_copied_commitment__opens_for_nobody_but_its_author(world: World) -> None:
    job = world.assigned()
    seal = job.commitment(0, "a")
    job.commit_as(world.workers[0], seal)
    job.commit_as(world.workers[1], seal)
    job.commit(2, "a")
    job.reveal(0)
    _, *opening = job.opening(0)
    with refused("CommitmentMismatch", worker=world.workers[1]):
        job.reveal_as(world.workers[1], [(2, *opening)])


def test_attack_replayed_opening__of_the_lanes_last_job__opens_nothing(world: World) -> None:
    first = world.committed(["a", "a", "a"], relayed=True, lane=9)
    openings = [first.opening(index) for index in range(3)]
    first.reveal_together(0, 1, 2)
    second = world.committed(["a", "a", "a"], relayed=True, lane=9)
    with refused("CommitmentMismatch"):
        second.reveal_as(world.stranger, openings, held=second.held)
    with refused("UnknownJob", id=first.id):
        first.reveal_as(world.stranger, openings, held=first.held)


def test_attack_somebody_elses_seats__are_refused(world: World) -> None:
    """A seat that the board does not know cannot be opened, however well its commitment fits the opening."""
    for relayed in (False, True):
        job = world.committed(["a", "a", "a"], relayed=relayed)
        forged = [job.held[0]._replace(commitment=b"\1" * 32), *job.held[1:]]
        with refused("WrongSeats", number=0 if relayed else 1):
            job.reveal_as(world.stranger, [job.opening(0)], held=forged)


def test_attack_reveal_at_a_verifier_that_the_job_does_not_name__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    other = world.deployer.deploy(container("ReplicationVerifier"), world.board)
    with refused("NotVerifier", id=job.id, caller=other):
        other.reveal(job.terms.as_tuple(), job.held, [job.opening(0)], sender=world.workers[0])
    with refused("NotVerifier", id=job.id, caller=other):
        other.openExtra(job.terms.as_tuple(), job.held, sender=world.stranger)


def test_attack_opening_of_a_seat_of_nobody__in_the_place_of_a_workers__is_refused(world: World) -> None:
    """The board passes over entries without a worker: what else stands in them is not to be believed, or anybody could
    show what he likes in the place of a worker who has not revealed yet."""
    job = world.committed(["a", "a", "a"])
    salt, shown, digest = b"\1" * 32, b"\2" * 32, b"\3" * 32
    seal = commitment(job.id, ZERO, salt, shown, digest)
    held = job.only(2, 3)
    held[0] = held[0]._replace(commitment=seal)
    with refused("NotCommitted", worker=ZERO):
        job.reveal_as(world.stranger, [(1, salt, shown, digest)], held=held)


def test_attack_stranger_posts_openings_early__changes_no_outcome(world: World) -> None:
    """Whoever was given an opening may post it: it counts for its author, and the author need not."""
    job = world.committed(["a", "a", "a"])
    for index in range(3):
        job.reveal_as(world.stranger, [job.opening(index)])
    with refused("AlreadyRevealed", worker=world.workers[1]):
        job.reveal(1)
    before = Purses.of(world)
    job.settle()
    after = Purses.of(world)
    assert [a - b for a, b in zip(after.providers, before.providers, strict=True)] == [PRICE] * 3 + [0] * 3


# ---- the lane's earlier jobs


def disputed(world: World, lane: int) -> Job:
    """Played to its end: five different answers, so that every slot of the lane is in use."""
    job = world.committed(["a", "b", "c"], lane=lane)
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    job.commit(3, "d")
    job.commit(4, "e")
    job.reveal(3, 4)
    assert groups(job) == [1, 2, 3, 4, 5]
    job.settle()
    return job


def test_attack_stale_record__next_job_of_the_lane_starts_clean(world: World) -> None:
    first = disputed(world, lane=7)
    second = world.committed(["a", "b", "b"], lane=7)
    assert (groups(second), second.tally.groups, second.tally.limits, second.tally.revealed) == ([0] * 5, 0, 0, 0)
    assert (second.extra.count, second.tally.extraOpenedAt, second.tally.extraRound) == (0, 0, 0)
    assert not world.replication.extraNeeded(second.terms.as_tuple(), second.held)
    assert first.tally.revealed == 0
    with refused("VerdictPending"):
        second.settle()
    second.reveal(0, 1)
    assert groups(second) == [1, 2, 0, 0, 0]
    opened = second.reveal(2)
    assert groups(second) == [1, 2, 2, 0, 0]
    assert (second.extra.opensAt, second.extra.takeBy) == (opened.timestamp, opened.timestamp + EXTRA_TAKE)
    second.draw_extra()
    second.take(3, 4)
    second.commit(3, "b")
    second.commit(4, "b")
    second.reveal_together(3, 4)
    second.settle()
    assert world.reputation.scoreOf(world.board, world.workers[3]).wins == 1


def test_attack_stale_record__nobody_reveals_in_the_next_job__nobody_is_paid_by_it(world: World) -> None:
    agreed = world.committed(["a", "a", "a"], lane=7)
    agreed.reveal(0, 1, 2)
    agreed.settle()
    job = world.committed(["a", "a", "a"], lane=7)
    with refused("VerdictPending"):
        job.settle()
    world.at(job.committed_at + REVEAL + GRACE + 1)
    receipt = job.settle()
    assert [int(log.pay) for log in receipt.decode_logs(world.board.WorkerSettled)] == [0, 0, 0]


def test_attack_stale_record__joint_reveal_after_a_dispute_in_the_lane__agrees(world: World) -> None:
    disputed(world, lane=7)
    job = world.committed(["a", "a", "a"], relayed=True, lane=7)
    job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED


def test_attack_stale_record__same_sequence_in_another_lane_or_of_another_requester__is_apart(world: World) -> None:
    job = world.committed(["a", "b", "c"], lane=7)
    job.reveal(0, 1, 2)
    assert job.tally.groups == 3
    for requester, nonce in ((world.requester, (8 << 16) + 1), (world.stranger, job.terms.nonce)):
        assert world.replication.tallyOf(requester, nonce).groups == 0


def test_verdict__asked_by_anybody_but_the_board__is_pending(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    assert len(world.board.judgement(job.terms.as_tuple(), job.held, sender=world.stranger)) == 3
    _, word = world.board.look(job.terms.as_tuple(), job.held, sender=world.stranger)
    answer = world.replication.verdict(job.terms.as_tuple(), job.id, word, job.held, sender=world.stranger)
    assert tuple(answer) == (False, [])
