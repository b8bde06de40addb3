"""A job on one board that names the verifier of another.

Two boards share one Parameters while the older one drains, so the allow-list alone does not tell them apart. Records of
reveals are kept by the requester's lane, and lanes have the same names on every board: a verifier that answered two
boards would judge the jobs of one by the reveals of the other.
"""

from __future__ import annotations

from tests.contracts.world import FUNDS, World, container, refused


def second_board(world: World) -> tuple[object, object]:
    ledgers = (world.escrow, world.vault, world.registry, world.reputation, world.parameters, world.beacon)
    board = world.deployer.deploy(container("JobBoard"), *ledgers)
    world.parameters.addBoard(board, sender=world.deployer)
    lottery = world.deployer.deploy(container("LotteryScheduler"), board)
    world.parameters.setScheduler(lottery, True, sender=world.deployer)
    world.fund(world.requester, FUNDS, controller=board)
    return board, lottery


def test_attack_requester_names_the_verifier_of_another_board__is_refused_at_the_door(world: World) -> None:
    board, lottery = second_board(world)
    terms = world.terms(scheduler=str(lottery.address))
    with refused("ForeignPlugin", plugin=world.replication):
        board.post(terms.as_tuple(), sender=world.requester)


def test_attack_requester_names_the_scheduler_of_another_board__is_refused_at_the_door(world: World) -> None:
    _, lottery = second_board(world)
    terms = world.terms(scheduler=str(lottery.address))
    with refused("ForeignPlugin", plugin=lottery):
        world.board.post(terms.as_tuple(), sender=world.requester)


def test_attack_another_board_asks_for_a_verdict__hears_nothing(world: World) -> None:
    """The question is put as the other board would put it, about a lane in which this board's job has agreed."""
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    assert [bool(ruling.agreed) for ruling in world.board.judgement(job.terms.as_tuple(), job.held)] == [True] * 3
    other = world.deploy_double("StubController")
    _, word = world.board.look(job.terms.as_tuple(), job.held)
    question = world.replication.verdict.encode_input(job.terms.as_tuple(), job.id, word, job.held)
    assert not any(bytes(other.run.call(world.replication, question, sender=world.stranger))[:32])
