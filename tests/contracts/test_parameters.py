"""Parameters: set at construction, changed through the AccessManager only, always within the hard bounds.

What they say of new jobs (`admit`) holds for a whole policy and for one version; a board is here an ordinary account.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.ledgers import BOUNDS, VALUES, Ledgers
from tests.contracts.world import CPU, WEI, ZERO, World, container, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobTerms

MOST = 10**12  # one job may escrow
NEEDS = (20_000, 400, False)  # reserveBps, settleTime, silent
STAKE, BOND = VALUES[1] + 7, VALUES[2] + 3


def test_constructor__sets_bounds_values_and_life(ledgers: Ledgers) -> None:
    assert tuple(ledgers.parameters.bounds()) == BOUNDS
    assert tuple(ledgers.parameters.values()) == VALUES
    assert ledgers.parameters.MAX_LIFE() == 3600 + 7200 + 2 * 20_000 + 2 * (2 * 120 + 7200)
    assert ledgers.parameters.version() == 1


@pytest.mark.parametrize(
    "changed",
    [{0: 0}, {0: 3601}, {2: 0}, {2: 7201}, {5: 10_001}],
    ids=["no take time", "take times crossed", "no work time", "work times crossed", "fee above everything"],
)
def test_constructor__inconsistent_bounds__are_refused(ledgers: Ledgers, changed: dict[int, int]) -> None:
    bounds = tuple(changed.get(i, value) for i, value in enumerate(BOUNDS))
    with refused("BoundsInconsistent"):
        ledgers.deploy("Parameters", ledgers.manager, bounds, VALUES)


def test_constructor__more_reopenings_than_lost_seats_can_be_counted__are_refused(ledgers: Ledgers) -> None:
    ledgers.deploy("Parameters", ledgers.manager, (*BOUNDS[:6], 51), VALUES)
    with refused("ReopensOutOfRange", have=52, max=51):
        ledgers.deploy("Parameters", ledgers.manager, (*BOUNDS[:6], 52), VALUES)


def test_set_values__fee_above_the_bound__is_refused(ledgers: Ledgers) -> None:
    with refused("FeeAboveBound", feeBps=501, maxFeeBps=500):
        ledgers.parameters.setValues((501, *VALUES[1:]), sender=ledgers.deployer)
    ledgers.parameters.setValues((500, *VALUES[1:]), sender=ledgers.deployer)
    assert ledgers.parameters.values().feeBps == 500


def test_set_values__stake_below_the_bond__is_refused(ledgers: Ledgers) -> None:
    with refused("StakeBelowBond", minStake=5 * WEI - 1, minNoShowBond=5 * WEI):
        ledgers.parameters.setValues((100, 5 * WEI - 1, 5 * WEI, False), sender=ledgers.deployer)


def calls(ledgers: Ledgers) -> list[tuple[Any, tuple[Any, ...]]]:
    p = ledgers.parameters
    return [
        (p.setValues, ((200, 9 * WEI, 8 * WEI, False),)),
        (p.unpause, ()),
        (p.setToken, (ledgers.stake_token, (1, 2))),
        (p.setScheduler, (ledgers.stranger, True)),
        (p.setVerifier, (ledgers.stranger, True)),
        (p.setHardwareClass, (b"\1" * 32, True)),
        (p.addBoard, (board := ledgers.deploy("StubBoard"),)),
        (p.dropBoard, (board,)),
        (p.pause, ()),
    ]


def test_every_setter__is_refused_to_strangers(ledgers: Ledgers) -> None:
    for setter, arguments in calls(ledgers):
        for caller in (ledgers.stranger, ledgers.requester, ledgers.provider):
            with refused("AccessManagedUnauthorized", caller=caller):
                setter(*arguments, sender=caller)
    assert ledgers.parameters.version() == 1


def test_every_setter__works_for_the_deployer(ledgers: Ledgers) -> None:
    for setter, arguments in calls(ledgers):
        setter(*arguments, sender=ledgers.deployer)
    p = ledgers.parameters
    assert tuple(p.values()) == (200, 9 * WEI, 8 * WEI, True)
    assert tuple(p.tokenRule(ledgers.stake_token)) == (1, 2)
    assert p.schedulerAllowed(ledgers.stranger)
    assert p.verifierAllowed(ledgers.stranger)
    assert p.classAllowed(b"\1" * 32)


# ---- versions


def test_version__rises_with_every_change(ledgers: Ledgers) -> None:
    for number, (setter, arguments) in enumerate(calls(ledgers)[:-1], start=2):
        setter(*arguments, sender=ledgers.deployer)
        assert ledgers.parameters.version() == number


def test_version__is_zero_while_paused__and_new_afterwards(ledgers: Ledgers) -> None:
    p = ledgers.parameters
    before = p.version()
    p.pause(sender=ledgers.deployer)
    assert p.version() == 0
    p.setScheduler(ledgers.stranger, True, sender=ledgers.deployer)
    assert p.version() == 0
    p.unpause(sender=ledgers.deployer)
    assert p.version() > before


@pytest.mark.parametrize("paused", [True, False])
def test_version__paused_by_values__is_zero_too(ledgers: Ledgers, paused: bool) -> None:
    ledgers.parameters.setValues((*VALUES[:3], paused), sender=ledgers.deployer)
    assert (ledgers.parameters.version() == 0) == paused
    assert ledgers.parameters.values().paused == paused


# ---- boards


def test_add_board__is_told_of_this_version_and_of_every_later_one(ledgers: Ledgers) -> None:
    p, board, late = ledgers.parameters, ledgers.deploy("StubBoard"), ledgers.deploy("StubBoard")
    assert p.boards() == []
    p.addBoard(board, sender=ledgers.deployer)
    assert (board.version(), board.teller()) == (p.version(), p)
    p.addBoard(late, sender=ledgers.deployer)
    assert p.boards() == [board, late]
    for number, (setter, arguments) in enumerate(calls(ledgers), start=p.version() + 1):
        setter(*arguments, sender=ledgers.deployer)
        told = 0 if setter == p.pause else number
        assert board.version() == late.version() == p.version() == told
    # Coming in, a board is told twice: once to see that it listens, once with all the others.
    assert (board.times(), late.times()) == (3 + len(calls(ledgers)), 2 + len(calls(ledgers)))


def test_add_board__that_does_not_listen__is_refused(ledgers: Ledgers) -> None:
    """An address that cannot be told would keep every later change from being made."""
    for deaf in (ledgers.stranger, ledgers.escrow):
        with pytest.raises(ContractLogicError):
            ledgers.parameters.addBoard(deaf, sender=ledgers.deployer)
    assert ledgers.parameters.boards() == []


def test_add_board__twice__is_refused(ledgers: Ledgers) -> None:
    board = ledgers.deploy("StubBoard")
    ledgers.parameters.addBoard(board, sender=ledgers.deployer)
    with refused("BoardListed", board=board):
        ledgers.parameters.addBoard(board, sender=ledgers.deployer)
    assert ledgers.parameters.boards() == [board]


def test_drop_board__is_told_that_it_is_paused__and_nothing_more(ledgers: Ledgers) -> None:
    p, boards = ledgers.parameters, [ledgers.deploy("StubBoard") for _ in range(3)]
    for board in boards:
        p.addBoard(board, sender=ledgers.deployer)
    receipt = p.dropBoard(boards[0], sender=ledgers.deployer)
    assert [e.board for e in receipt.decode_logs(p.BoardDropped)] == [boards[0]]
    assert p.boards() == [boards[2], boards[1]]
    p.setScheduler(ledgers.stranger, True, sender=ledgers.deployer)
    assert [board.version() for board in boards] == [0, p.version(), p.version()]
    p.addBoard(boards[0], sender=ledgers.deployer)
    assert boards[0].version() == p.version()


def test_drop_board__that_is_not_listed__is_refused(ledgers: Ledgers) -> None:
    with refused("BoardUnknown", board=ledgers.stranger):
        ledgers.parameters.dropBoard(ledgers.stranger, sender=ledgers.deployer)


@pytest.mark.parametrize("mood", [1, 2], ids=["refuses", "dawdles"])
def test_attack_board_that_will_not_hear__holds_up_no_vote_and_can_be_dropped(ledgers: Ledgers, mood: int) -> None:
    p, bad, good = ledgers.parameters, ledgers.deploy("StubBoard"), ledgers.deploy("StubBoard")
    for board in (bad, good):
        p.addBoard(board, sender=ledgers.deployer)
    before = p.version()
    bad.turn(mood, sender=ledgers.stranger)
    receipt = p.pause(sender=ledgers.deployer)
    [deaf] = list(receipt.decode_logs(p.BoardDeaf))
    assert (deaf.board, deaf.version) == (bad, 0)
    assert (bad.version(), good.version()) == (before, 0)
    p.dropBoard(bad, sender=ledgers.deployer)
    assert p.boards() == [good]


def test_attack_vote_carried_out_with_little_gas__cannot_keep_a_board_from_hearing(ledgers: Ledgers) -> None:
    p, board = ledgers.parameters, ledgers.deploy("StubBoard")
    p.addBoard(board, sender=ledgers.deployer)
    with refused("GasTooLow"):
        p.pause(sender=ledgers.deployer, gas_limit=100_000)
    assert board.version() == p.version() != 0


# ---- admission


@pytest.fixture
def terms(ledgers: Ledgers) -> JobTerms:
    """Good terms: a scheduler and a verifier of `ledgers.board`, everything on its list."""
    scheduler = ledgers.deploy("StubScheduler", ledgers.board)
    verifier = ledgers.deploy("StubVerifier", ledgers.board)
    verifier.setNeeds(NEEDS, sender=ledgers.deployer)
    p = ledgers.parameters
    p.setToken(ledgers.coin, (MOST, 0), sender=ledgers.deployer)
    p.setScheduler(scheduler, True, sender=ledgers.deployer)
    p.setVerifier(verifier, True, sender=ledgers.deployer)
    p.setHardwareClass(CPU, True, sender=ledgers.deployer)
    return JobTerms(
        requester=str(ledgers.requester.address),
        nonce=1 << 16 | 1,
        spec_digest=b"\4" * 32,
        price=1000,
        reserve=0,
        bounty=0,
        take_by=0,
        pay_token=str(ledgers.coin.address),
        fee_bps=100,
        no_show_bond=BOND,
        reopens=0,
        workers=3,
        stake=STAKE,
        hardware_class=CPU,
        scheduler=str(scheduler.address),
        verifier=str(verifier.address),
        verifier_params=bytes(32),
        work_time=600,
        settle_time=1000,
    )


def admit(ledgers: Ledgers, terms: JobTerms, board: Any = None) -> tuple[Any, ...]:
    return tuple(ledgers.parameters.admit(terms.as_tuple(), sender=board or ledgers.board))


def test_admit__tells_all_that_a_board_has_to_remember(ledgers: Ledgers, terms: JobTerms) -> None:
    assert admit(ledgers, terms) == (ledgers.parameters.version(), 60, 3600, 20_000, False, True, MOST)


def test_admit__passes_on_what_the_plugins_say(ledgers: Ledgers, terms: JobTerms) -> None:
    container("StubVerifier").at(terms.verifier).setNeeds((0, 0, True), sender=ledgers.deployer)
    container("StubScheduler").at(terms.scheduler).setChosen(ledgers.worker, sender=ledgers.deployer)
    assert admit(ledgers, replace(terms, no_show_bond=VALUES[2]))[3:6] == (0, True, False)


def test_attack_offer_with_a_high_bond__of_a_worker_who_has_not_seen_the_job(ledgers: Ledgers, terms: JobTerms) -> None:
    container("StubScheduler").at(terms.scheduler).setChosen(ledgers.worker, sender=ledgers.deployer)
    with refused("BondAboveMinimum", have=VALUES[2] + 1, most=VALUES[2]):
        admit(ledgers, replace(terms, no_show_bond=VALUES[2] + 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"requester": "0x" + "11" * 20},
        {"nonce": 2**256 - 1},
        {"spec_digest": b"\7" * 32},
        {"price": 2**128 - 1},
        {"reserve": 2**128 - 1},
        {"bounty": 2**128 - 1},
        {"take_by": 2**40 - 1},
        {"price": 0, "reserve": 0, "bounty": 0, "take_by": 0},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_admit__is_the_same_for_every_job_of_a_policy(
    ledgers: Ledgers, terms: JobTerms, changes: dict[str, Any]
) -> None:
    """A board asks once and remembers: nothing of the one job that it asked with may show in the answer."""
    curious = ledgers.deploy("CuriousVerifier", ledgers.board)
    ledgers.parameters.setVerifier(curious, True, sender=ledgers.deployer)
    for verifier in (terms.verifier, str(curious.address)):
        first = replace(terms, verifier=verifier)
        assert admit(ledgers, replace(first, **changes)) == admit(ledgers, first)
        assert not admit(ledgers, first)[4]  # the curious verifier has seen nothing


def test_admit__a_change_makes_another_admission(ledgers: Ledgers, terms: JobTerms) -> None:
    before = admit(ledgers, terms)
    ledgers.parameters.setToken(ledgers.coin, (MOST - 1, 0), sender=ledgers.deployer)
    after = admit(ledgers, terms)
    assert (after[0], after[6]) == (before[0] + 1, MOST - 1)


def test_admit__while_paused__is_worth_nothing_to_a_board(ledgers: Ledgers, terms: JobTerms) -> None:
    ledgers.parameters.pause(sender=ledgers.deployer)
    assert admit(ledgers, terms)[0] == 0


REFUSED: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"pay_token": "0x" + "22" * 20}, "TokenNotAllowed", {"token": "0x" + "22" * 20}),
    ({"scheduler": "0x" + "22" * 20}, "SchedulerNotAllowed", {"scheduler": "0x" + "22" * 20}),
    ({"verifier": "0x" + "22" * 20}, "VerifierNotAllowed", {"verifier": "0x" + "22" * 20}),
    ({"hardware_class": CPU[:5] + bytes(27)}, "ClassNotAllowed", {}),
    ({"fee_bps": 99}, "WrongFee", {"have": 99, "need": 100}),
    ({"fee_bps": 101}, "WrongFee", {"have": 101, "need": 100}),
    ({"stake": VALUES[1] - 1}, "StakeBelowMinimum", {"have": VALUES[1] - 1, "need": VALUES[1]}),
    ({"no_show_bond": VALUES[2] - 1}, "BondBelowMinimum", {"have": VALUES[2] - 1, "need": VALUES[2]}),
    ({"no_show_bond": STAKE + 1}, "BondAboveStake", {"bond": STAKE + 1, "stake": STAKE}),
    ({"workers": 0}, "SeatsOutOfRange", {"have": 0, "max": 5}),
    ({"workers": 6}, "SeatsOutOfRange", {"have": 6, "max": 5}),
    ({"reopens": 3}, "ReopensOutOfRange", {"have": 3, "max": 2}),
    ({"work_time": 9}, "TimeOutOfRange", {"what": "workTime", "have": 9, "min": 10, "max": 7200}),
    ({"work_time": 7201}, "TimeOutOfRange", {"what": "workTime", "have": 7201}),
    ({"settle_time": 399}, "TimeOutOfRange", {"what": "settleTime", "have": 399, "min": 400, "max": 20_000}),
    ({"settle_time": 20_001}, "TimeOutOfRange", {"what": "settleTime", "have": 20_001}),
]


@pytest.mark.parametrize(("changes", "error", "values"), REFUSED, ids=lambda case: str(case)[:40])
def test_admit__outside_the_rules__is_refused_with_evidence(
    ledgers: Ledgers, terms: JobTerms, changes: dict[str, Any], error: str, values: dict[str, Any]
) -> None:
    with refused(error, **values):
        admit(ledgers, replace(terms, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"stake": VALUES[1]},
        {"no_show_bond": VALUES[2]},
        {"no_show_bond": STAKE},
        {"workers": 1},
        {"workers": 5},
        {"reopens": 2},
        {"work_time": 10},
        {"work_time": 7200},
        {"settle_time": 400},
        {"settle_time": 20_000},
    ],
    ids=str,
)
def test_admit__at_the_edge_of_the_rules__is_fine(ledgers: Ledgers, terms: JobTerms, changes: dict[str, Any]) -> None:
    assert admit(ledgers, replace(terms, **changes)) == admit(ledgers, terms)


def test_admit__needs_beyond_the_longest_settle_time__can_be_met_by_nobody(ledgers: Ledgers, terms: JobTerms) -> None:
    container("StubVerifier").at(terms.verifier).setNeeds((0, 20_001, False), sender=ledgers.deployer)
    with refused("TimeOutOfRange", what="settleTime", min=20_001, max=20_000):
        admit(ledgers, replace(terms, settle_time=20_001))


def test_admit__plugins_of_another_board__are_refused(ledgers: Ledgers, terms: JobTerms) -> None:
    with refused("ForeignPlugin", plugin=terms.scheduler, board=ledgers.board):
        admit(ledgers, terms, board=ledgers.stranger)
    verifier = ledgers.deploy("StubVerifier", ledgers.stranger)
    ledgers.parameters.setVerifier(verifier, True, sender=ledgers.deployer)
    with refused("ForeignPlugin", plugin=verifier, board=ledgers.stranger):
        admit(ledgers, replace(terms, verifier=str(verifier.address)))


@pytest.mark.parametrize("what", ["token", "scheduler", "verifier", "class"])
def test_admit__taken_off_a_list__is_refused_from_then_on(ledgers: Ledgers, terms: JobTerms, what: str) -> None:
    p, by = ledgers.parameters, ledgers.deployer
    error = {
        "token": "TokenNotAllowed",
        "scheduler": "SchedulerNotAllowed",
        "verifier": "VerifierNotAllowed",
        "class": "ClassNotAllowed",
    }[what]
    {
        "token": lambda: p.setToken(ledgers.coin, (0, 0), sender=by),
        "scheduler": lambda: p.setScheduler(terms.scheduler, False, sender=by),
        "verifier": lambda: p.setVerifier(terms.verifier, False, sender=by),
        "class": lambda: p.setHardwareClass(CPU, False, sender=by),
    }[what]()
    with refused(error):
        admit(ledgers, terms)


# ---- roles


def test_a_guardian_role__can_be_given_the_pause_alone(ledgers: Ledgers) -> None:
    guardian, pause = 7, keccak256(b"pause()")[:4]
    ledgers.manager.setTargetFunctionRole(ledgers.parameters, [pause], guardian, sender=ledgers.deployer)
    ledgers.manager.grantRole(guardian, ledgers.stranger, 0, sender=ledgers.deployer)
    ledgers.parameters.pause(sender=ledgers.stranger)
    assert ledgers.parameters.version() == 0
    with refused("AccessManagedUnauthorized", caller=ledgers.stranger):
        ledgers.parameters.setValues(VALUES, sender=ledgers.stranger)
    with refused("AccessManagedUnauthorized", caller=ledgers.stranger):
        ledgers.parameters.unpause(sender=ledgers.stranger)


def test_another_admin__can_take_over_and_the_old_one_is_out(ledgers: Ledgers) -> None:
    ledgers.manager.grantRole(0, ledgers.stranger, 0, sender=ledgers.deployer)
    ledgers.manager.renounceRole(0, ledgers.deployer, sender=ledgers.deployer)
    with refused("AccessManagedUnauthorized", caller=ledgers.deployer):
        ledgers.parameters.pause(sender=ledgers.deployer)
    ledgers.parameters.pause(sender=ledgers.stranger)


def test_other_constructors__refuse_zeroes(ledgers: Ledgers) -> None:
    with refused("ZeroAddress"):
        ledgers.deploy("StakeVault", ZERO, 1)
    with refused("HalfLifeZero"):
        ledgers.deploy("Reputation", 0)
    with refused("DelayZero"):
        ledgers.deploy("BlockBeacon", 0)


# ---- with a board


def test_the_ledgers__have_no_way_in_for_any_role(world: World) -> None:
    """G1: nothing in Escrow, StakeVault, Reputation, WorkerRegistry or JobBoard knows an authority."""
    for contract in (world.escrow, world.vault, world.reputation, world.registry, world.board):
        names = {abi.name for abi in contract.contract_type.abi if abi.type == "function"}
        assert not names & {
            "owner",
            "authority",
            "setAuthority",
            "transferOwnership",
            "pause",
            "upgradeTo",
            "grantRole",
        }


def test_the_board__refuses_a_vault_that_lets_stake_go_too_soon(world: World) -> None:
    life = world.parameters.MAX_LIFE()
    vault = world.deployer.deploy(container("StakeVault"), world.stake_token, life)
    addresses = (world.registry, world.reputation, world.parameters, world.beacon)
    with refused("ExitDelayTooShort", have=life, life=life):
        world.deployer.deploy(container("JobBoard"), world.escrow, vault, *addresses)
