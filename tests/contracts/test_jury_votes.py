"""How a jury decides: votes committed before any is shown, four of five, one appeal with 21, and an end in time
whatever people do."""

from __future__ import annotations

import pytest
from tests.contracts.court import (
    ACCUSED,
    ACCUSER,
    APPEAL,
    DECISION,
    HUNG,
    NO_SHOW,
    OVER,
    PENDING,
    PER_SEAT,
    ROUND,
    SHOWING,
    TAKE,
    VOTE,
    Court,
    salt,
)
from tests.contracts.world import refused


@pytest.mark.parametrize(
    ("votes", "decision"),
    [
        ([ACCUSED] * 5, ACCUSED),
        ([ACCUSER] * 5, ACCUSER),
        ([ACCUSED] * 4 + [ACCUSER], ACCUSED),
        ([ACCUSER] * 4 + [None], ACCUSER),
        ([ACCUSED] * 3 + [ACCUSER] * 2, HUNG),
        ([ACCUSED] * 3 + [None] * 2, HUNG),
        ([None] * 5, HUNG),
    ],
)
def test_decision__four_of_five_seats__decide(court: Court, votes: list[int | None], decision: int) -> None:
    case = court.open()
    case.judge(court.jurors, votes)
    assert case.phase == OVER
    assert case.decision == (HUNG if decision == HUNG else PENDING), "the loser may appeal"
    case.no_appeal()
    assert case.decision == decision


@pytest.mark.parametrize("seated", range(5))
def test_decision__not_filled_in_time__is_hung_and_nobody_was_silent(court: Court, seated: int) -> None:
    case = court.open()
    case.fill(court.jurors[:seated])
    case.after(TAKE)
    assert case.decision == PENDING
    case.after(TAKE + 1)
    assert case.decision == HUNG
    [event] = case.release().decode_logs(court.jury.RoundReleased)
    assert event.silent == 0
    assert [court.stake_of(juror).locked for juror in court.jurors] == [0] * 5


def test_vote__may_be_cast_while_others_still_sit_down(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors[:1])
    case.vote(1, court.jurors[0], ACCUSED)
    with refused("AlreadyVoted", number=1):
        case.vote(1, court.jurors[0], ACCUSER)


def test_vote__by_another__or_empty__is_refused(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors)
    with refused("NotJuror", number=2, caller=court.jurors[0].worker):
        case.vote(2, court.jurors[0], ACCUSED)
    with refused("NotJuror", number=6):
        case.vote(6, court.jurors[0], ACCUSED)
    with refused("AlreadyVoted"):
        court.jury.vote(*case.ref, 1, b"\0" * 32, sender=court.jurors[0].worker)


def test_vote__too_late__is_refused(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors)
    court.world.at(case.opened_at + TAKE + VOTE + 1)
    with refused("WrongPhase", have=SHOWING):
        case.vote(1, court.jurors[0], ACCUSED)


def test_show__while_somebody_can_still_vote__is_refused(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors)
    for number, juror in enumerate(court.jurors[:4], 1):
        case.vote(number, juror, ACCUSED)
    with refused("WrongPhase", need=SHOWING):
        case.show(1, ACCUSED)
    case.vote(5, court.jurors[4], ACCUSED)
    case.show(1, ACCUSED)
    with refused("AlreadyVoted", number=1):
        case.show(1, ACCUSED)


def test_show__another_vote_or_another_salt__is_refused(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors)
    for number, juror in enumerate(court.jurors, 1):
        case.vote(number, juror, ACCUSED)
    with refused("VoteMismatch", number=1):
        case.show(1, ACCUSER)
    with refused("VoteMismatch", number=1):
        court.jury.show(*case.ref, 1, ACCUSED, salt(9), sender=court.world.stranger)
    for answer in (PENDING, HUNG):
        with refused("VoteInvalid", vote=answer):
            case.show(1, answer)


def test_show__too_late__is_refused_and_costs_the_bond(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [None] + [ACCUSED] * 4)
    court.world.at(case.opened_at + ROUND + 5)
    with refused("WrongPhase", have=OVER):
        case.show(1, ACCUSED)
    silent, spoke = court.jurors[0], court.jurors[1]
    before = [court.stake_of(juror).active for juror in (silent, spoke)]
    [event] = case.release().decode_logs(court.jury.RoundReleased)
    assert (event.silent, event.decision) == (1, ACCUSED)
    after = [court.stake_of(juror) for juror in (silent, spoke)]
    assert [stake.active for stake in after] == [before[0] - NO_SHOW, before[1]]
    assert [(stake.locked, stake.locks) for stake in after] == [(0, 0)] * 2
    with refused("AlreadyReleased"):
        case.release()


def test_release__of_a_round_that_is_not_over__is_refused(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors)
    with refused("WrongPhase", need=OVER):
        case.release()
    with refused("NotAppealed"):
        court.jury.release(*case.ref, True, sender=court.world.stranger)


# ---- the appeal


def test_appeal__by_the_loser_or_his_provider_alone__in_time__once(court: Court) -> None:
    case, world = court.open(), court.world
    with refused("StillPending"):
        case.appealed(court.accused)
    case.judge(court.jurors, [ACCUSED] * 5)
    for other in (court.accuser, world.stranger):
        with refused("NotLoser", caller=other):
            case.appealed(other)
    with refused("TokenUnheard", token=world.stake_token):
        court.jury.appeal(*case.ref, world.stake_token, sender=court.accused)
    with refused("FreeTooSmall", need=21 * PER_SEAT):
        court.jury.appeal(*case.ref, world.coin, sender=world.providers[0])
    case.appealed(world.providers[0])
    assert world.held(world.providers[0], controller=court.jury) == 21 * PER_SEAT
    with refused("AlreadyAppealed"):
        case.appealed(court.accused)


def test_appeal__too_late__is_refused(court: Court) -> None:
    case, world = court.open(), court.world
    case.judge(court.jurors, [ACCUSER] * 5)
    ended = world.now
    world.fund(court.accuser, 21 * PER_SEAT, controller=court.jury)
    world.at(ended + APPEAL + 1)
    with refused("AppealOver", until=ended + APPEAL):
        court.jury.appeal(*case.ref, world.coin, sender=court.accuser)
    assert case.decision == ACCUSER


def test_appeal__of_a_hung_jury__there_is_none(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 3 + [ACCUSER] * 2)
    for party in (court.accuser, court.accused):
        with refused("NotLoser"):
            case.appealed(party)


@pytest.mark.parametrize(
    ("against", "decision"),
    [(14, ACCUSER), (13, ACCUSED), (7, ACCUSED)],
)
def test_appeal__fourteen_of_twenty_one__overturn_and_fewer_do_not(
    crowded_court: Court, against: int, decision: int
) -> None:
    court = crowded_court
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 5)
    second = case.appealed(court.accused)
    second.judge(court.bench, [ACCUSER] * against + [ACCUSED] * (21 - against))
    assert second.decision == decision, "and that is final"


def test_appeal__who_has_judged__does_not_judge_again(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 5)
    second = case.appealed(court.accused)
    second.draw()
    with refused("SiblingSeated", provider=court.jurors[0].provider):
        second.take(court.jurors[0])


def test_decision__everybody_uses_up_every_clock__is_there_within_the_promised_time(court: Court) -> None:
    case, world = court.open(), court.world
    world.fund(court.accused, 21 * PER_SEAT, controller=court.jury)
    case.fill(court.jurors)
    for number, juror in enumerate(court.jurors[:4], 1):
        case.vote(number, juror, ACCUSED)
    case.after(TAKE + VOTE)
    for number in range(1, 5):
        world.at(case.opened_at + ROUND - 5 + number)
        case.show(number, ACCUSED)
    case.after(ROUND)
    assert case.decision == PENDING
    world.at(case.opened_at + ROUND + APPEAL)
    court.jury.appeal(*case.ref, world.coin, sender=court.accused)
    case.after(DECISION - 1 - VOTE - TAKE - 1)
    world.mine(1)
    case.after(DECISION)
    assert case.decision == ACCUSED
    assert int(court.jury.DECISION_TIME()) == DECISION
