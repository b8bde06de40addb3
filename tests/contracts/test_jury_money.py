"""What jurors earn, and that no case is paid with another's money."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.court import ACCUSED, ACCUSER, APPEAL, PER_SEAT, REWARD, Case, Court
from tests.contracts.world import BURN, LEAST_PRICE, STAKE, ZERO, container, refused

FEE = 5 * PER_SEAT


def settled(court: Court, job: Any) -> Any:
    return court.world.board.settle(job.terms.as_tuple(), job.held, sender=court.world.closer)


def endowed(court: Court, case: Case, amount: int = FEE) -> None:
    """What a loser's bond is: a credit to the purse under the verifier's own name."""
    world = court.world
    world.coin.mint(world.closer, amount, sender=world.closer)
    world.coin.approve(world.escrow, amount, sender=world.closer)
    world.escrow.deposit(world.closer, world.coin, case.purse, amount, sender=world.closer)


def shared(court: Court, case: Case, controller: Any = None, token: Any = None) -> Any:
    world = court.world
    return court.jury.share(*case.ref, controller or world.closer, token or world.coin, sender=world.stranger)


def earned(court: Court, account: Any, token: Any = None) -> int:
    token = token or court.world.coin
    return int(court.world.escrow.balanceOf(court.jury, token, account).free)


def test_requester_wrong__his_bond_is_shared_by_those_who_said_so(court: Court) -> None:
    job, case = court.rejected()
    case.judge(court.jurors, [ACCUSER] * 4 + [ACCUSED])
    case.no_appeal()
    settled(court, job)
    court.acceptance.releaseBond(job.terms.as_tuple(), sender=court.world.stranger)
    burned = court.world.coin.balanceOf(BURN)
    shared(court, case, court.acceptance)
    each = FEE // 4
    assert [earned(court, juror.provider) for juror in court.jurors] == [each] * 4 + [0]
    assert court.world.coin.balanceOf(BURN) - burned == FEE - 4 * each
    juror = court.jurors[0].provider
    court.world.escrow.withdraw(court.jury, court.world.coin, each, juror, sender=juror)
    assert court.world.coin.balanceOf(juror) == each


def test_worker_wrong__jurors_get_the_reward_out_of_the_slash_and_the_rest_is_burned(court: Court) -> None:
    job, case = court.rejected()
    case.judge(court.jurors, [ACCUSED] * 5)
    case.no_appeal()
    world = court.world
    receipt = settled(court, job)
    [slashed] = receipt.decode_logs(world.vault.Slashed)
    assert (slashed.finder, slashed.finderShare) == (case.purse, STAKE // 2)
    court.acceptance.releaseBond(job.terms.as_tuple(), sender=world.stranger)
    before = world.stake_token.balanceOf(BURN)
    shared(court, case, ZERO, ZERO)
    assert [earned(court, juror.provider, world.stake_token) for juror in court.jurors] == [REWARD] * 5
    assert world.stake_token.balanceOf(BURN) - before == STAKE // 2 - 5 * REWARD
    assert world.free(world.requester) >= LEAST_PRICE
    assert world.escrow.balanceOf(court.acceptance, world.coin, world.requester).free == FEE, "and his bond is back"


def test_hung__nobody_is_slashed_and_nobody_earns(court: Court) -> None:
    job, case = court.rejected()
    case.judge(court.jurors, [ACCUSED] * 3 + [ACCUSER] * 2)
    receipt = settled(court, job)
    assert receipt.decode_logs(court.world.vault.Slashed) == []
    assert court.world.free(court.world.providers[0]) == LEAST_PRICE // 2
    court.acceptance.releaseBond(job.terms.as_tuple(), sender=court.world.stranger)
    with refused("ZeroAmount"):
        shared(court, case, court.acceptance)


def test_share__before_the_end__is_refused(court: Court) -> None:
    case = court.open()
    endowed(court, case)
    case.judge(court.jurors, [ACCUSER] * 5)
    with refused("StillPending"):
        shared(court, case)


def test_share__twice__gives_nothing_twice(court: Court) -> None:
    case = court.open()
    endowed(court, case)
    case.judge(court.jurors, [ACCUSER] * 5)
    case.no_appeal()
    shared(court, case)
    with refused("ZeroAmount"):
        shared(court, case)
    endowed(court, case, 10)  # what comes late is shared too
    shared(court, case)
    assert earned(court, court.jurors[0].provider) == PER_SEAT + 2


def test_share__of_another_case__does_not_touch_this_one(court: Court) -> None:
    rich, poor = court.open(), court.open()
    endowed(court, rich)
    poor.judge(court.jurors, [ACCUSER] * 5)
    poor.no_appeal()
    with refused("ZeroAmount"):
        shared(court, poor)
    assert court.world.escrow.balanceOf(court.world.closer, court.world.coin, rich.purse).free == FEE


def test_purse__obeys_the_jury_alone(court: Court) -> None:
    case = court.open()
    endowed(court, case)
    case.judge(court.jurors, [ACCUSER] * 5)
    case.no_appeal()
    shared(court, case)
    purse = container("Purse").at(case.purse)
    with refused("NotJury", caller=court.world.stranger):
        purse.fromVault(court.world.vault, sender=court.world.stranger)
    with refused("NotJury"):
        purse.fromEscrow(court.world.escrow, court.world.closer, court.world.coin, sender=court.world.stranger)


# ---- after an appeal


def appealed(court: Court, votes: list[int | None]) -> Case:
    """Found wrong by five, the accused appeals; 21 others vote."""
    case = court.open()
    endowed(court, case)
    case.judge(court.jurors, [ACCUSED] * 5)
    second = case.appealed(court.accused)
    second.judge(court.bench, votes)
    return second


def paid(court: Court, case: Case) -> Any:
    return court.jury.payAppeal(*case.ref, sender=court.world.stranger)


@pytest.mark.parametrize(("right", "wrong"), [(21, 0), (15, 6)])
@pytest.mark.parametrize("decision", [ACCUSED, ACCUSER])
def test_appeal__its_jurors_earn_the_same_whatever_they_say(
    crowded_court: Court, right: int, wrong: int, decision: int
) -> None:
    court = crowded_court
    case = appealed(court, [decision] * right + [ACCUSED + ACCUSER - decision] * wrong)
    paid(court, case)
    assert [earned(court, juror.provider) for juror in court.bench] == [PER_SEAT] * right + [0] * wrong
    assert earned(court, court.accused) == wrong * PER_SEAT
    with refused("NotAppealed"):
        paid(court, case)


def test_appeal__overturned__the_purse_pays_the_appellant_back(crowded_court: Court) -> None:
    court = crowded_court
    case = appealed(court, [ACCUSER] * 21)
    shared(court, case)
    assert earned(court, court.accused) == FEE
    assert [earned(court, juror.provider) for juror in court.jurors] == [0] * 5


def test_appeal__upheld__the_first_jury_shares_the_purse(crowded_court: Court) -> None:
    court = crowded_court
    case = appealed(court, [ACCUSED] * 21)
    shared(court, case)
    assert [earned(court, juror.provider) for juror in court.jurors] == [PER_SEAT] * 5


def test_appeal__not_filled__leaves_the_answer_and_gives_the_bond_back(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 5)
    second = case.appealed(court.accused)
    with refused("StillPending"):
        paid(court, second)
    second.after(APPEAL + 10_000)
    assert second.decision == ACCUSED
    paid(court, second)
    assert earned(court, court.accused) == 21 * PER_SEAT


def test_pay_appeal__where_there_was_none__is_refused(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [None] * 5)
    with refused("NotAppealed"):
        paid(court, case)


def test_constants__are_what_the_parties_count_on(court: Court) -> None:
    jury, coin = court.jury, court.world.coin
    assert (int(jury.fee(coin)), int(jury.appealFee(coin))) == (FEE, 21 * PER_SEAT)
    assert int(jury.fee(court.world.stake_token)) == 0
    assert (int(jury.SEATS()), int(jury.APPEAL_SEATS())) == (5, 21)
