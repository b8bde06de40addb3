"""Who sits on a jury: drawn by stake among workers of the class, older than the round, no party, one per provider."""

from __future__ import annotations

import pytest
from tests.contracts.court import (
    EVIDENCE,
    FILLING,
    JUROR_STAKE,
    OVER,
    TAKE,
    VOTING,
    Court,
)
from tests.contracts.world import CPU, WEI, refused

from tensorgrid.domain.jobs import hardware_class


def test_open__tells_jurors_all_that_is_to_be_replayed(court: Court) -> None:
    receipt = court.jury.open(b"\1" * 32, court.accuser, court.accused, CPU, EVIDENCE, sender=court.world.closer)
    [opened] = receipt.decode_logs(court.jury.CaseOpened)
    assert (opened.verifier, opened.accuser, opened.accused) == (court.world.closer, court.accuser, court.accused)
    assert (bytes(opened.id), bytes(opened.hardwareClass), bytes(opened.evidence)) == (b"\1" * 32, CPU, EVIDENCE)
    [round_] = receipt.decode_logs(court.jury.RoundOpened)
    assert (round_.appeal, round_.size, round_.takeBy) == (False, 5, receipt.timestamp + TAKE)
    assert round_.draw > receipt.block_number, "nobody knows who will be drawn"


def test_open__twice__is_refused_and_other_verifiers_have_names_of_their_own(court: Court) -> None:
    case = court.open()
    with refused("CaseOpen"):
        court.jury.open(case.id, court.accuser, court.accused, CPU, EVIDENCE, sender=case.verifier)
    court.jury.open(case.id, court.accuser, court.accused, CPU, EVIDENCE, sender=court.world.stranger)
    with refused("UnknownCase"):
        court.jury.decisionOf(court.world.requester, case.id)


def test_take__locks_the_stake_and_says_who_sits(court: Court) -> None:
    case = court.open()
    case.draw()
    receipt = case.take(court.jurors[0])
    [seated] = receipt.decode_logs(court.jury.JurorSeated)
    seat = seated.event_arguments
    assert (seat["number"], seat["worker"], seat["provider"]) == (1, court.jurors[0].worker, court.jurors[0].provider)
    assert court.stake_of(court.jurors[0]).locked == JUROR_STAKE
    assert case.phase == FILLING


def test_take__before_the_round_is_out__is_refused(court: Court) -> None:
    case = court.open()
    with refused("RoundNotDue"):
        case.take(court.jurors[0])


def test_take__early__needs_a_ticket_that_has_won__late_everybody_has(court: Court) -> None:
    case = court.open()
    court.world.mine(3)
    tickets = [court.jury.drawn(*case.ref, juror.worker, case.opened_at + 3) for juror in court.jurors]
    assert not all(tickets), "five times ten in 65,536"
    court.world.at(case.opened_at + 20)
    with refused("NotDrawn", worker=court.jurors[tickets.index(False)].worker):
        case.take(court.jurors[tickets.index(False)])
    late = case.opened_at + TAKE * 3 // 4
    assert all(court.jury.drawn(*case.ref, juror.worker, late) for juror in court.jurors)


def test_take__five_seats__then_it_is_full(court: Court) -> None:
    case = court.open()
    sixth = court.enrol()
    case = court.open()
    case.fill(court.jurors)
    assert case.phase == VOTING
    with refused("WrongPhase", have=VOTING, need=FILLING):
        case.take(sixth)


def test_take__after_the_time__is_refused(court: Court) -> None:
    case = court.open()
    case.draw()
    case.after(TAKE)
    court.world.at(case.opened_at + TAKE + 1)
    with refused("WrongPhase", have=OVER):
        case.take(court.jurors[0])


def test_take__unknown_or_of_another_class__is_refused(court: Court) -> None:
    other = court.enrol(hardware=hardware_class("other"))
    case = court.open()
    case.draw()
    with refused("UnknownWorker"):
        court.jury.take(*case.ref, sender=court.world.stranger)
    with refused("WrongClass"):
        case.take(other)


def test_take__without_enough_stake_or_capacity__is_refused(court: Court) -> None:
    poor, idle = court.enrol(), court.enrol(capacity=0)
    court.world.vault.requestExit(poor.worker, court.jury, 1000 * WEI - JUROR_STAKE + 1, sender=poor.provider)
    case = court.open()
    case.draw()
    with refused("StakeTooSmall"):
        case.take(poor)
    with refused("CapacityReached"):
        case.take(idle)


@pytest.mark.parametrize("what", ["worker", "stake"])
def test_take__younger_than_the_round__is_refused(court: Court, what: str) -> None:
    case = court.open()
    juror = court.jurors[0]
    if what == "worker":
        juror = court.enrol()
    else:
        court.stake(juror, 1)
    case.draw()
    with refused("WorkerTooYoung", worker=juror.worker):
        case.take(juror)


def test_take__by_a_party_or_its_provider__is_refused(court: Court) -> None:
    world = court.world
    sibling = court.enrol(world.providers[0])
    own = court.enrol(world.requester)
    case = court.open(accuser=world.requester)
    case.draw()
    for juror in (sibling, own):
        with refused("PartyToCase", worker=juror.worker):
            case.take(juror)


def test_take__by_an_accusing_worker_or_its_sibling__is_refused(court: Court) -> None:
    auditor = court.jurors[0]
    sibling = court.enrol(auditor.provider)
    case = court.open(accuser=auditor.worker)
    case.draw()
    for juror in (auditor, sibling):
        with refused("PartyToCase", worker=juror.worker):
            case.take(juror)
