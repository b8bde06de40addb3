"""Two replicas from the requester's side: refused, estimated, posted, told. On a chain; the test plays the workers."""

import json

import pytest
from tests.sdk.chain_actors import StakedWorker
from typer.testing import CliRunner

from tensorgrid.cli import app, jobs
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import NotCovered, SpecInvalid
from tensorgrid.domain.jobs import ExitClass, JobState, Opening, ReplicationClocks, commitment
from tensorgrid.domain.results import result_root

PAIR = {"budget": "5 USDC", "replicas": 2, "wall": "30s"}


def double(x: int) -> dict:
    return {"twice": 2 * x}


@pytest.fixture(scope="module")
def crew(bare_net):
    return [StakedWorker(bare_net.net, stakes=50, capacity=50) for _ in range(5)]


@pytest.fixture
def client(bare_net):
    return bare_net.requester_with("3000 USDC")


def played(bare_net, run, crew, answer="right"):
    """The next seats of the job, one each for these workers: taken, committed and revealed in the order given."""
    contracts, terms = run._client.contracts, run.terms
    extra = run.story().extra
    bare_net.advance((extra.take_by if extra else terms.take_by) - bare_net.net.connection.now() - 3)
    for worker in crew:
        worker.sender.transact(contracts.board.take(terms, ()))
    openings = [committed(run, worker, answer) for worker in crew]
    for worker, opening in zip(crew, openings, strict=True):
        worker.sender.transact(contracts.replication.reveal(terms, run.story().held, [opening]))


def committed(run, worker, answer):
    contracts, terms, story = run._client.contracts, run.terms, run.story()
    number = story.seats[worker.address].number
    root = result_root(run.id, ExitClass.OK, keccak256(answer.encode()))
    shown = root if number > terms.workers else keccak256(root)
    salt, receipt = keccak256(b"salt%d" % number), keccak256(b"receipt%d" % number)
    seal, own = commitment(run.id, worker.address, salt, shown, receipt), (story.held[number - 1],)
    if number > terms.workers:
        worker.sender.transact(contracts.board.commit_extra(terms, number, own, seal))
    else:
        worker.sender.transact(contracts.board.commit(terms.ref(), number, own, seal))
    return Opening(number, salt, shown, receipt)


# ------------------------------------------------------------------------------------------------------------ refusals


def test_submit__no_two_workers_with_such_a_past__refused_with_what_to_do(client, crew):
    with pytest.raises(NotCovered, match=r"\d+ points, and 0 providers here .* take replicas=3 or a lower budget"):
        client.submit(double, {"x": 2}, **PAIR | {"budget": "2000 USDC"})
    assert next(client.runs(), None) is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"replicas": 1}, "1 replicas are not sold; take 2 or 3"),
        ({"replicas": 4}, "4 replicas are not sold"),
        ({"replicas": "2"}, "'2' replicas are not sold"),
        ({"verify": "accept"}, 'replicas belongs to verify="replicate"'),
    ],
)
def test_submit__replicas_that_are_not_sold__are_refused(client, options, says):
    with pytest.raises(SpecInvalid, match=says):
        client.submit(double, {"x": 2}, **PAIR | options)


# ------------------------------------------------------------------------------------------------------- what it costs


def test_estimate__two_replicas__both_outcomes(client, crew):
    two = client.estimate(double, {"x": 2}, **PAIR, any_score=True)
    three = client.estimate(double, {"x": 2}, budget="5 USDC", wall="30s")
    price = two.price_per_worker.units
    assert (two.workers, two.reserve.units, two.price_per_worker) == (2, 3 * price, three.price_per_worker)
    assert two.likely.units == 2 * price + -(-2 * price // 100)
    assert two.if_all_asked.units == 5 * price + -(-5 * price // 100) == two.ceiling.units - two.bounty.units
    assert two.score_needed == -(-price // 10), "in a devnet a unit of burned fee is a tenth of a point"
    assert f"have {two.score_needed} points each" in str(two)
    assert f"three more are asked: {two.if_all_asked} in all" in str(two)


def test_dry_run__two_replicas__says_what_three_more_would_cost(client, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "connect", lambda _: client)
    (tmp_path / "work.py").write_text("def work() -> dict:\n    return {}\n")
    asked = ["submit", f"{tmp_path}/work.py:work", "--budget", "2000 USDC", "--replicas", "2", "--dry-run"]
    told = json.loads(CliRunner().invoke(app, [*asked, "--any-score", "--json"]).output)
    assert int(told["if_all_asked"]["units"]) > int(told["likely"]["units"])
    assert (told["covering"], told["score_needed"] > 0) == (0, True)
    assert "score needed" in CliRunner().invoke(app, [*asked, "--any-score"]).output
    assert isinstance(CliRunner().invoke(app, asked).exception, NotCovered)


# ------------------------------------------------------------------------------------------------------------- a story


def test_two_replicas__newcomers_first__then_their_past_is_enough(bare_net, client, crew):
    dear = client.submit(double, {"x": 2}, **PAIR | {"budget": "2000 USDC"}, any_score=True)
    terms = dear.terms
    assert (terms.workers, terms.reserve) == (2, 3 * terms.price)
    weight = client.contracts.parameters.token_rule(terms.pay_token).score_weight
    assert ReplicationClocks.unpack(terms.verifier_params).score_rate == weight
    played(bare_net, dear, crew[:2])
    assert dear.status().phase == (
        "answers agree, scores too low for this value, asking three more: 0 of 3 seats taken, 0 done"
    )
    played(bare_net, dear, crew[2:])
    crew[0].sender.transact(client.contracts.board.settle(terms, dear.story().held))
    assert dear.status().phase == "settled: 5 workers agreed"

    estimate = client.estimate(double, {"x": 2}, **PAIR)
    assert estimate.covering == 5
    cheap = client.submit(double, {"x": 2}, **PAIR)
    played(bare_net, cheap, crew[:2])
    story = cheap.story()
    assert (story.state, story.phase, story.extra) == (JobState.SETTLED, "settled: 2 workers agreed", None)
    assert story.cost == estimate.likely.units


def test_two_replicas__one_answer_missing__says_so(bare_net, client, crew):
    run = client.submit(double, {"x": 2}, **PAIR, any_score=True)
    contracts, terms = run._client.contracts, run.terms
    bare_net.advance(terms.take_by - bare_net.net.connection.now() - 3)
    for worker in crew[:2]:
        worker.sender.transact(contracts.board.take(terms, ()))
    opening = committed(run, crew[0], "right")
    bare_net.advance(run.story().work_by - bare_net.net.connection.now() + 1)
    crew[0].sender.transact(contracts.board.close_work(terms, run.story().held))
    crew[0].sender.transact(contracts.replication.reveal(terms, run.story().held, [opening]))
    assert run.status().phase == "answers are missing, asking three more: 0 of 3 seats taken, 0 done"
