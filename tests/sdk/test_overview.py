"""The public tables: what the lens says is what the contracts say, traces add up to the wei, violations are found."""

import json
from dataclasses import replace

import pytest
from eth_account import Account
from tests.sdk.chain_actors import Requester, StakedWorker
from tests.sdk.test_cli import run

from tensorgrid.chain.lens import MOST, MOST_READS, Finding, NetworkLens, Scope, WorkerView
from tensorgrid.domain import refusals
from tensorgrid.domain.errors import JobUnknown, UnknownDeployment
from tensorgrid.domain.jobs import JobId, JobState
from tensorgrid.overview import health, jobs, trace, workers
from tensorgrid.overview.words import BOUNTY, FEE, HELD, PAID, RETURNED


@pytest.fixture(scope="module")
def requester(quiet_net):
    requester = Requester(quiet_net)
    requester.deposit()
    return requester


@pytest.fixture(scope="module")
def worker(quiet_net):
    return StakedWorker(quiet_net)


@pytest.fixture(scope="module")
def contracts(quiet_net):
    return quiet_net.contracts


def accept_terms(requester, **changes):
    """One seat, by an offer; silence pays."""
    contracts = requester.contracts
    params = (10).to_bytes(32, "big")
    settle_time = contracts.acceptance.needs(requester.terms(workers=1, verifier_params=params)).settle_time
    chosen = {
        "workers": 1,
        "reserve": 0,
        "scheduler": contracts.offers.address,
        "verifier": contracts.acceptance.address,
        "verifier_params": (10).to_bytes(32, "big"),
        "settle_time": settle_time,
    }
    return requester.terms(**(chosen | changes))


@pytest.fixture(scope="module")
def settled(requester, worker):
    """(terms, id) of a job that a worker did by an offer, and that was paid because the requester said nothing."""
    contracts, board = requester.contracts, requester.contracts.board
    terms = accept_terms(requester)
    requester.sender.transact(board.post_with_offers(terms, [worker.offer().offer]))
    seat = next(s for s in story_of(contracts, terms).in_order)
    worker.sender.transact(board.commit(terms.ref(), 1, [seat.seat], b"\7" * 32))
    worker.net.anvil.mine(15)
    requester.sender.transact(board.settle(terms, story_of(contracts, terms).held))
    return terms, contracts.id_of(terms)


def story_of(contracts, terms):
    return trace.trace_of(contracts, contracts.id_of(terms)).story


# ---- workers


def test_workers__of_the_network__are_what_each_contract_says(contracts, worker) -> None:
    (seen,) = [one for one in workers.workers_of(contracts) if one.worker == worker.address]
    assert seen.profile == contracts.registry.profile_of(worker.address)
    assert seen.stake == contracts.vault.allocation_of(worker.provider, worker.address, contracts.board.address)
    assert seen.lockable == contracts.vault.lockable(worker.provider, worker.address, contracts.board.address)
    assert (seen.provider, seen.since) == (worker.provider, contracts.registry.registered_at(worker.address))


def test_workers__filters__show_fewer(contracts, quiet_net, worker) -> None:
    poor = StakedWorker(quiet_net, stakes=0)
    names = lambda **wanted: {one.worker for one in workers.workers_of(contracts, workers.Wanted(**wanted))}  # noqa: E731
    assert names() >= {worker.address, poor.address}
    assert poor.address not in names(free=True)
    assert names(provider=worker.provider.lower()) == {worker.address}
    assert names(hardware="cpu") == names()
    assert names(hardware="gpu of tomorrow") == set()


def test_lens__more_than_a_page__is_read_in_pages(contracts, worker) -> None:
    asked = [worker.address, *(f"0x{number:040x}" for number in range(1, 2 * MOST + 50)), worker.address]
    seen = contracts.lens.workers(asked)
    assert [one.registered for one in seen] == [True, *[False] * (2 * MOST + 49), True]
    assert isinstance(seen[0], WorkerView)
    assert len(contracts.lens.jobs([(worker.address, 1)] * (MOST + 1))) == MOST + 1
    assert contracts.lens.jobs([]) == []


def test_lens__bounds__are_the_contract_s(contracts) -> None:
    assert (contracts.lens.read("MOST"), contracts.lens.read("MOST_READS")) == (MOST, MOST_READS)
    address = contracts.board.address
    scope = Scope(tokens=(address,), controllers=(address,), accounts=(address,) * 3, workers=(address,) * 2)
    assert contracts.lens.read("readsOf", 1, 1, 3, 2, 0) == scope.reads
    with pytest.raises(refusals.NotAscending, match="sort the list"):
        contracts.lens.check(scope)


def test_lens__network_and_quotes__read_as_domain_objects(contracts, requester, worker, quiet_net) -> None:
    seen = contracts.lens.network()
    assert (seen.values, seen.bounds) == (contracts.parameters.values(), contracts.parameters.bounds())
    assert (seen.max_life, seen.listed) == (contracts.parameters.max_life(), True)
    terms, _, _ = requester.post()
    quiet_net.anvil.mine(3)
    draw = contracts.first_draw(terms, contracts.board.job(terms.requester, terms.nonce))
    (quote,) = contracts.lens.quotes(terms, draw, [worker.address], terms.take_by)
    alone = contracts.lottery.quote(terms, draw, contracts.board.candidate(worker.address), terms.take_by)
    assert (quote.fit, quote.may, quote.price) == (True, alone.may, alone.price)
    requester.net.anvil.mine(70)
    requester.sender.transact(contracts.board.expire(terms, []))


def test_lens__network_without_one__says_what_to_do(contracts, monkeypatch) -> None:
    monkeypatch.setattr(contracts, "lens", None)
    with pytest.raises(UnknownDeployment, match="deploy one for its board"):
        workers.workers_of(contracts)


# ---- jobs


def test_jobs__newest_first__with_filters_by_state_requester_and_worker(contracts, requester, worker, settled) -> None:
    terms, job, _ = requester.post()
    other = Requester(requester.net)
    found = jobs.jobs_of(contracts, limit=1000)
    assert [row.posted_block for row in found] == sorted((row.posted_block for row in found), reverse=True)
    assert found[0].id == job
    assert jobs.jobs_of(contracts, limit=1)[0].id == job
    ids = lambda **wanted: {row.id for row in jobs.jobs_of(contracts, jobs.Wanted(**wanted), limit=1000)}  # noqa: E731
    assert ids(worker=worker.address) == {settled[1]}
    assert settled[1] in ids(states=frozenset({JobState.SETTLED}))
    assert ids(states=frozenset({JobState.POSTED}), requester=requester.address) >= {job}
    assert settled[1] not in ids(states=frozenset({JobState.POSTED}))
    assert ids(requester=other.address) == ids(hardware="nothing") == set()
    requester.sender.transact(contracts.board.cancel(terms))
    assert job in ids(states=frozenset({JobState.CANCELLED}))


def test_jobs__overwritten_in_its_lane__is_still_told_by_its_events(contracts, requester) -> None:
    first, job, _ = requester.post()
    requester.sender.transact(contracts.board.cancel(first))
    second, _, _ = requester.post(nonce=first.nonce + 1)
    assert contracts.board.job(first.requester, first.nonce).state is JobState.SUPERSEDED
    shown = jobs.jobs_of(contracts, jobs.Wanted(states=frozenset({JobState.CANCELLED})), limit=1000)
    assert job in {row.id for row in shown}
    requester.sender.transact(contracts.board.cancel(second))


# ---- trace


def test_trace__a_settled_job__tells_every_step_and_where_the_money_went(contracts, worker, settled) -> None:
    terms, job = settled
    found = trace.trace_of(contracts, job)
    assert [type(step.event).__name__ for step in found.steps] == [
        "JobPosted", "JobTaken", "JobSealed", "WorkerSettled", "JobSettled"
    ]  # fmt: skip
    assert [step.sender for step in found.steps][2] == worker.address
    assert [step.time for step in found.steps] == sorted(step.time for step in found.steps)
    assert found.total(HELD) == terms.escrow
    assert found.total(PAID) == 500_000
    assert found.total(FEE) == 5_000
    assert found.total(BOUNTY) == 0
    assert found.total(RETURNED) == terms.escrow - 505_000
    assert found.missing == 0
    assert len(found.gas) == 3
    assert found.shared == frozenset()
    assert all(used > 21_000 for used in found.gas.values())


def test_trace__an_expired_job__shows_the_bounty(contracts, requester) -> None:
    terms, job, _ = requester.post()
    requester.net.anvil.mine(70)
    requester.sender.transact(contracts.board.expire(terms, []))
    found = trace.trace_of(contracts, job)
    assert (found.total(BOUNTY), found.total(RETURNED), found.missing) == (7, terms.escrow - 7, 0)


def test_trace__a_running_job__has_no_sum_yet_and_an_unknown_one_is_refused(contracts, requester) -> None:
    terms, job, _ = requester.post()
    assert trace.trace_of(contracts, job).missing is None
    with pytest.raises(JobUnknown, match="check the id"):
        trace.trace_of(contracts, JobId(b"\1" * 32))
    requester.sender.transact(contracts.board.cancel(terms))


# ---- check


def test_check__a_sound_network__looks_at_every_invariant_it_can(contracts, requester, worker, settled) -> None:
    terms, _, _ = requester.post()
    taken = accept_terms(requester)
    requester.sender.transact(contracts.board.post_with_offers(taken, [worker.offer().offer]))
    found = health.check(contracts)
    assert found.violations == ()
    assert all(found.looked_at[name] for name in ("E1", "E2", "S1", "S2", "J1", "J4"))
    requester.sender.transact(contracts.board.cancel(terms))
    requester.net.anvil.mine(taken.work_time + 1)
    overdue = health.check(contracts)
    assert (overdue.looked_at["J2"], overdue.holds) == (1, True), "past its deadline, and anyone may close it"


def test_check__sums_over_pages__are_the_whole_sums(contracts, settled, monkeypatch) -> None:
    whole = health.check(contracts)
    monkeypatch.setattr("tensorgrid.overview.scopes.MOST_READS", 30)
    pages = []
    ask = NetworkLens.check
    monkeypatch.setattr(NetworkLens, "check", lambda self, scope, **at: pages.append(scope) or ask(self, scope, **at))
    paged = health.check(contracts)
    assert len(pages) > 4
    assert (paged.violations, paged.looked_at) == (whole.violations, whole.looked_at)


def test_check__what_the_lens_finds__is_a_violation_and_exit_code_1(quiet_net, settled, monkeypatch) -> None:
    from typer.testing import CliRunner

    from tensorgrid.cli import app

    monkeypatch.setenv("TENSORGRID_HOME", str(quiet_net.home))
    fine = CliRunner().invoke(app, ["check"])
    assert fine.exit_code == 0, fine.output
    ask = NetworkLens.check
    short = lambda self, scope, **at: [worse(row) for row in ask(self, scope, **at)]  # noqa: E731
    worse = lambda row: replace(row, have=row.most + 1) if row.invariant == "E1" else row  # noqa: E731
    monkeypatch.setattr(NetworkLens, "check", short)
    broken = CliRunner().invoke(app, ["check"])
    assert broken.exit_code == 1
    assert "E1 violated: 0x" in broken.output
    told = json.loads(CliRunner().invoke(app, ["check", "--json"]).output)
    assert told["holds"] is False
    assert {one["invariant"] for one in told["violations"]} == {"E1"}


def test_finding__more_than_the_most__does_not_hold() -> None:
    assert Finding("E1", bytes(32), bytes(32), 1, 1).holds
    assert not Finding("E1", bytes(32), bytes(32), 2, 1).holds


# ---- command line


def test_tables__from_the_shell__are_tables_and_json(quiet_net, settled, worker, tmp_path) -> None:
    _, job = settled
    ask = lambda *args: run(*args, home=quiet_net.home)  # noqa: E731
    code, out, err = ask("workers", "--json")
    assert code == 0, err
    (row,) = [one for one in json.loads(out) if one["worker"] == worker.address]
    assert (row["class"], row["capacity"], row["stake"]["token"]) == ("cpu", 10, "TGS")
    assert worker.address in ask("workers")[1]
    code, out, _ = ask("jobs", "--state", "settled", "--json")
    assert (code, [one["id"] for one in json.loads(out)]) == (0, ["0x" + job.hex()])
    code, out, _ = ask("trace", job.hex()[:12], "--json")
    told = json.loads(out)
    assert (code, told["missing_units"], told["sums"]["paid"]["text"]) == (0, "0", "0.50 USDC")
    shown = ask("trace", "0x" + job.hex())[1]
    assert "seat 1 taken" in shown
    assert "0 units" in shown
    code, _, err = ask("jobs", "--state", "asleep")
    assert code == 1
    assert "choose of posted" in err


def test_workers__a_hostile_name__never_reaches_the_terminal(contracts, capsys) -> None:
    """Classes and tokens that nobody here knows are shown by their hash or address: no text of strangers at all."""
    from tensorgrid.overview.reading import class_name, strategy_name, tier_name

    evil = b"\x1b]0;owned\x07".ljust(32, b"\0")
    assert class_name(evil).isprintable()
    assert class_name(evil).startswith("0x")
    stranger = Account.create().address
    assert tier_name(contracts, stranger) == strategy_name(contracts, stranger) == f"{stranger[:6]}…{stranger[-4:]}"
