"""NetworkLens: batches say what the ledgers say one by one, and `check` finds what is wrong in what it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.world import ALLOCATED, BURN, PRICE, STAKE, TAKE, World, container, refused

from tensorgrid.domain.jobs import JobState

NODES_ALLOW = 25_000_000  # gas of one call: geth's 50 million, and half of it to spare
READS_OF_ONE_OF_EACH = 1 * (1 * 1 + 1 + 1) + 1 + 1 * (2 * 1 + 2) + 2


@pytest.fixture
def lens(world: World) -> Any:
    return container("NetworkLens").at(world.deployment.contracts["NetworkLens"].address)


def address(account: Any) -> str:
    return str(getattr(account, "address", account))


def ascending(*accounts: Any) -> list[str]:
    return sorted({address(account) for account in accounts}, key=lambda one: int(one, 16))


def everybody(world: World) -> list[str]:
    """Whoever has a balance in this small world."""
    return ascending(world.requester, world.closer, world.stranger, BURN, *world.providers)


def scope(world: World, *jobs: Any, **changes: Any) -> tuple[Any, ...]:
    """All tokens, controllers, accounts and workers, and these jobs."""
    whole = {
        "tokens": [address(world.coin)],
        "controllers": [address(world.board)],
        "accounts": everybody(world),
        "workers": ascending(*world.workers),
        "jobs": [(job.terms.as_tuple(), job.held) for job in sorted(jobs, key=lambda job: job.id)],
    }
    return tuple((whole | changes).values())


def rows(found: Any, invariant: bytes) -> list[tuple[int, int, bool]]:
    return [(row.have, row.most, row.holds) for row in found if bytes(row.invariant) == invariant]


# ------------------------------------------------------------------------------------------------------------- batches


def test_workers__a_list__says_what_the_ledgers_say(world, lens) -> None:
    world.assigned(3)
    first, unknown = world.workers[0], world.stranger
    seen, nobody = lens.workers([first, unknown])
    stake = world.vault.allocationOf(world.providers[0], first, world.board)
    assert (seen.worker, seen.provider) == (address(first), address(world.providers[0]))
    assert (seen.stake.active, seen.stake.locked, seen.stake.locks) == (ALLOCATED, STAKE, 1)
    assert tuple(seen.stake) == tuple(stake)
    assert seen.lockable == world.vault.lockable(world.providers[0], first, world.board) == ALLOCATED - STAKE
    assert tuple(seen.profile) == tuple(world.registry.profileOf(first))
    assert seen.since == world.registry.registeredAt(first)
    assert (seen.points, seen.wins, seen.faults) == (0, 0, 0)
    assert nobody.worker == address(unknown)
    assert int(nobody.provider, 16) == nobody.lockable == nobody.profile.capacity == 0


def test_workers__after_a_job__shows_scores_and_what_is_leaving(world, lens) -> None:
    world.give_history(0, 1, 2)
    world.vault.requestExit(world.workers[0], world.board, 7, sender=world.providers[0])
    (seen,) = lens.workers([world.workers[0]])
    assert (seen.wins, seen.faults) == (1, 0)
    assert seen.points == world.reputation.pointsOf(world.board, world.workers[0]) > 0
    assert (seen.stake.active, seen.leaving.amount) == (ALLOCATED - 7, 7)


def test_jobs__a_list__is_what_the_board_says_of_each(world, lens) -> None:
    job = world.post()
    never = job.terms.nonce + (1 << 16)
    found = lens.jobs([(world.requester, job.terms.nonce), (world.requester, never)])
    assert [JobState(one.state) for one in found] == [JobState.POSTED, JobState.NONE]
    assert tuple(found[0]) == tuple(world.board.jobOf(world.requester, job.terms.nonce))


def test_network__in_one_call__is_parameters_and_clocks(world, lens) -> None:
    seen = lens.network()
    assert (seen.version, seen.listed) == (world.parameters.version(), True)
    assert tuple(seen.values) == tuple(world.parameters.values())
    assert tuple(seen.bounds) == tuple(world.parameters.bounds())
    assert (seen.maxLife, seen.exitDelay) == (world.parameters.MAX_LIFE(), world.vault.EXIT_DELAY())
    assert seen.nextRound == world.beacon.next()


def test_quotes__many_workers__are_the_scheduler_s_word_and_the_board_s_filters(world, lens) -> None:
    job = world.post()
    job.draw()
    opened = world.board.jobOf(world.requester, job.terms.nonce).clock
    draw = (world.board.seedOf(job.terms.as_tuple()), opened, job.terms.take_by)
    asked = [*world.workers, world.stranger]
    late = opened + TAKE
    seen = lens.quotes(job.terms.as_tuple(), draw, asked, late)
    assert [one.worker for one in seen] == [address(one) for one in asked]
    assert all((one.fit, one.may, one.price) == (True, True, PRICE) for one in seen[:-1]), "everybody, late"
    assert not seen[-1].fit, "who is not registered passes no filter"
    early = lens.quotes(job.terms.as_tuple(), draw, world.workers, opened + 1)
    for worker, one in zip(world.workers, early, strict=True):
        candidate = world.board.candidateOf(worker)
        assert one.may == world.lottery.quote(job.terms.as_tuple(), draw, candidate, opened + 1).may
    unknown = lens.quotes(job.terms.as_tuple(), (b"\0" * 32, opened, job.terms.take_by), world.workers, late)
    assert not any(one.may for one in unknown), "nobody before the round is known"


def test_quotes__own_jobs_full_hands_and_young_stake__do_not_fit(world, lens) -> None:
    job = world.post()
    job.draw()
    opened = world.board.jobOf(world.requester, job.terms.nonce).clock
    draw = (world.board.seedOf(job.terms.as_tuple()), opened, job.terms.take_by)
    world.stake(world.providers[0], world.workers[0], 1)
    for _ in range(3):
        job.world.assigned(3)
    own = world.terms(requester=address(world.providers[5]))
    ask = lambda terms: [one.fit for one in lens.quotes(terms.as_tuple(), draw, world.workers, opened + TAKE)]  # noqa: E731
    assert ask(job.terms) == [False, False, False, True, True, True], "young stake, and full hands"
    assert ask(own)[5] is False


@pytest.mark.parametrize("call", ["workers", "jobs", "quotes"])
def test_batches__too_many__are_refused_with_the_bound(world, lens, call) -> None:
    many = int(lens.MOST()) + 1
    terms = world.terms().as_tuple()
    with refused("TooMany", have=many, most=many - 1):
        if call == "workers":
            lens.workers([world.stranger] * many)
        elif call == "jobs":
            lens.jobs([(world.stranger, 1)] * many)
        else:
            lens.quotes(terms, (b"\0" * 32, 1, 2), [world.stranger] * many, 1)


# --------------------------------------------------------------------------------------------------------------- check


def test_check__a_sound_network__holds_in_every_row(world, lens) -> None:
    jobs = [world.post(), world.assigned(3), world.committed(["a", "a", "a"]), world.assigned(3, relayed=True)]
    found = lens.check(scope(world, *jobs))
    assert all(row.holds for row in found)
    ((balances, tokens, _),) = rows(found, b"E1")
    assert balances == tokens == world.coin.balanceOf(world.escrow)
    ((escrowed, held, _),) = rows(found, b"E2")
    assert escrowed == held == sum(job.terms.escrow for job in jobs)
    *_, (stakes, vault, _) = rows(found, b"S1")
    assert stakes == 6 * ALLOCATED <= vault  # where other tests of the session have staked, too
    (life, delay, _), *workers = rows(found, b"S2")
    assert life <= delay
    assert sorted(workers)[-3:] == [(3 * STAKE, 3 * STAKE, True)] * 3
    assert rows(found, b"J1") == [(0, 0, True)] * 4


def test_check__a_part_of_the_accounts__is_a_part_of_the_sum(world, lens) -> None:
    world.fund(world.spare[1], 77)
    found = lens.check(scope(world))
    ((have, most, holds),) = rows(found, b"E1")
    assert (most - have, holds) == (77, True)


def test_check__tokens_that_left_the_escrow__violate_e1(world, lens) -> None:
    """A token that shrinks where it lies, which no job may be paid in: the plainest escrow that is short."""
    shrinking = world.deploy_double("RebasingToken")
    shrinking.mint(world.stranger, 1000, sender=world.stranger)
    shrinking.approve(world.escrow, 1000, sender=world.stranger)
    world.escrow.deposit(world.board, shrinking, world.stranger, 1000, sender=world.stranger)
    shrinking.setIndex(50, sender=world.stranger)
    found = lens.check(scope(world, tokens=[address(shrinking)], workers=[]))
    assert rows(found, b"E1") == [(1000, 500, False)]


def test_check__a_job_shown_otherwise_than_it_is__violates_j1(world, lens) -> None:
    job = world.assigned(3, relayed=True)
    wrong = [(*job.held[0][:3], 1, b"\0" * 32), *job.held[1:]]
    for held in (wrong, job.held[:2], []):
        found = lens.check(scope(world, jobs=[(job.terms.as_tuple(), held)]))
        assert rows(found, b"J1") == [(1, 0, False)]


def test_check__an_ended_job_shown_as_open__violates(world, lens) -> None:
    job = world.post()
    world.board.cancel(job.terms.as_tuple(), sender=world.requester)
    found = lens.check(scope(world, job))
    assert rows(found, b"J1") == [(1, 0, False)]
    assert rows(found, b"E2") == [(job.terms.escrow, 0, False)], "nothing is held for it any more"


@pytest.mark.parametrize("name", ["tokens", "controllers", "accounts", "workers"])
def test_check__something_named_twice__is_refused(world, lens, name) -> None:
    twice = [address(world.stranger)] * 2
    with refused("NotAscending", list=name, index=1):
        lens.check(scope(world, **{name: twice}))


def test_check__a_job_named_twice__is_refused(world, lens) -> None:
    job = world.post()
    with refused("NotAscending", list="jobs", index=1):
        lens.check(scope(world, job, job))


def test_check__beyond_its_bound__is_refused(world, lens) -> None:
    accounts = [f"0x{number:040x}" for number in range(1, 600)]
    reads = lens.readsOf(1, 1, len(accounts), 0, 0)
    with refused("TooMany", have=reads, most=lens.MOST_READS()):
        lens.check(scope(world, accounts=accounts, workers=[], jobs=[]))
    assert lens.readsOf(1, 1, 1, 1, 1) == READS_OF_ONE_OF_EACH


def test_check__the_largest_scope__fits_what_nodes_allow(world, lens) -> None:
    accounts = [f"0x{number:040x}" for number in range(1, 500)]
    found = lens.check(scope(world, accounts=accounts, workers=[], jobs=[]), gas=NODES_ALLOW)
    assert rows(found, b"E1") == [(0, world.coin.balanceOf(world.escrow), True)]


def test_lens__has_no_word_in_anything__only_views(lens) -> None:
    assert {entry.stateMutability for entry in lens.contract_type.methods} <= {"view", "pure"}
