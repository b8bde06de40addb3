"""The public tables: workers, jobs, trace, check. Anybody's network; only --mine needs a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorgrid.cli.jobs import JobArgument
from tensorgrid.cli.output import (
    JsonOption,
    NetworkOption,
    amount_json,
    connect,
    pairs,
    print_json,
    print_table,
    say,
)
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import JobState
from tensorgrid.domain.money import Amount, Token
from tensorgrid.text import short_id

if TYPE_CHECKING:
    from tensorgrid.chain.contracts import Contracts
    from tensorgrid.chain.lens import WorkerView
    from tensorgrid.overview.health import Health
    from tensorgrid.overview.jobs import JobRow
    from tensorgrid.overview.trace import JobTrace
    from tensorgrid.overview.words import Move

ClassOption = Annotated[str | None, typer.Option("--class", help='Of this hardware class alone, such as "cpu".')]
LimitOption = Annotated[int, typer.Option("--limit", "-l", min=1, max=10_000, help="At most so many.")]
MineOption = Annotated[bool, typer.Option("--mine", help="Those of this account alone.")]
STATES = tuple(state.name.lower() for state in JobState if state not in (JobState.NONE, JobState.SUPERSEDED))
StateOption = Annotated[
    list[str] | None, typer.Option("--state", help=f"In this state; may be repeated: {', '.join(STATES)}, open.")
]


def add_to(app: typer.Typer) -> None:
    for command in (workers, jobs, trace, check):
        app.command()(command)


def workers(
    hardware: ClassOption = None,
    mine: MineOption = False,
    free: Annotated[bool, typer.Option("--free", help="Only who could take a job now.")] = False,
    limit: LimitOption = 50,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the workers of the network: their stake, what of it is locked, their score, their load; most stake first.

    Examples: tensorgrid workers; tensorgrid workers --class cpu --free --limit 10; tensorgrid workers --json
    """
    from tensorgrid.overview.workers import Wanted, workers_of

    client = connect(network)
    own = client.account.address if mine else None
    found = workers_of(client.contracts, Wanted(hardware=hardware, provider=own, free=free))
    stake = _stake_token(client.contracts)
    if as_json:
        print_json([_worker_json(worker, stake) for worker in found[:limit]])
        return
    if not found:
        say("no worker fits; ask for less, or start one with `tensorgrid-worker start`")
        return
    now = client.connection.now()
    print_table(
        ("worker", "provider", "class", "stake", "lockable", "jobs", "score", "wins", "faults"),
        [_worker_cells(worker, stake, now) for worker in found[:limit]],
    )
    _say_rest(len(found), limit, "workers")


def jobs(
    mine: MineOption = False,
    worker: Annotated[str | None, typer.Option(help="In which this worker has had a seat.")] = None,
    state: StateOption = None,
    hardware: ClassOption = None,
    limit: LimitOption = 20,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the jobs of the network, newest first: how each is checked and given out, for how much, where it stands.

    Examples: tensorgrid jobs --mine; tensorgrid jobs --state open --limit 5; tensorgrid jobs --state expired --json
    """
    from tensorgrid.domain import schema
    from tensorgrid.overview.jobs import Wanted, jobs_of

    client = connect(network)
    wanted = Wanted(
        requester=client.account.address if mine else None,
        worker=schema.any_address(worker, "--worker") if worker else None,
        hardware=hardware,
        states=_states(state or []),
    )
    found = jobs_of(client.contracts, wanted, limit=limit)
    if as_json:
        print_json([_job_json(client.contracts, row) for row in found])
    elif found:
        print_table(
            ("job", "block", "requester", "check", "strategy", "price", "seats", "state", ""),
            [_job_cells(client.contracts, row) for row in found],
        )
    else:
        say('no such jobs yet; buy a run with `tensorgrid submit FILE.py:FUNCTION --budget "5 USDC"`')


def trace(job: JobArgument, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Show all that the chain tells of a job, in order: when, who sent it, what happened, what money moved; sum it up.

    Examples: tensorgrid trace 0x1234abcd; tensorgrid trace 0x1234abcd --json
    """
    from tensorgrid.overview.trace import trace_of

    client = connect(network)
    found = trace_of(client.contracts, client.run(job).id)
    tokens = _token(client.contracts, found.terms.pay_token), _stake_token(client.contracts)
    if as_json:
        print_json(_trace_json(found, *tokens))
        return
    rows, told = [], ""
    for step in found.steps:
        first = step.event.log.tx != told
        told = step.event.log.tx
        gas = f"{found.gas[told]:,}{'*' if told in found.shared else ''}" if first else ""
        when = datetime.fromtimestamp(step.time, UTC).strftime("%Y-%m-%d %H:%M:%S")
        moved = "; ".join(_moved(move, *tokens) for move in step.moves)
        who = (when, str(step.event.log.block), short_id(step.sender), short_id(told)) if first else ("", "", "", "")
        rows.append((*who, step.words, moved, gas))
    print_table(("time (UTC)", "block", "sent by", "transaction", "what", "money", "gas"), rows)
    if found.shared:
        say("* all of a transaction that served other jobs too")
    pairs(_summary(found, tokens[0]))


def check(network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Look whether the network's invariants hold, in all that its events name; exit code 1 if one does not.

    Examples: tensorgrid check; tensorgrid check --json
    """
    from tensorgrid.overview.health import SAYS, UNSEEN
    from tensorgrid.overview.health import check as look

    found = look(connect(network).contracts)
    if as_json:
        print_json(_health_json(found))
    else:
        broken = {one.invariant for one in found.violations}
        rows = [(name, said, _verdict(found, name, broken)) for name, said in SAYS.items()]
        print_table(("", "what must hold", f"at block {found.block}"), rows)
        for one in found.violations:
            say(f"{one.invariant} violated: {one.subject} {one.about}: {one.have} is more than {one.most}")
        say(f"not to be seen from outside: {', '.join(UNSEEN)}; tests show them (docs/invariants.md)")
    if not found.holds:
        raise typer.Exit(1)


# ------------------------------------------------------------------------------------------------------------- workers


def _worker_cells(worker: WorkerView, stake: Token, now: int) -> tuple[object, ...]:
    """Who lost a seat rests until its stake counts again."""
    from tensorgrid.overview.reading import class_name

    return (
        worker.worker,
        short_id(worker.provider),
        class_name(worker.profile.hardware_class),
        Amount(worker.stake.active, stake),
        Amount(worker.lockable, stake),
        f"{worker.stake.locks} of {worker.profile.capacity}" + (", rests" if worker.stake.since > now else ""),
        worker.points,
        worker.wins,
        worker.faults,
    )


def _worker_json(worker: WorkerView, stake: Token) -> dict[str, Any]:
    from tensorgrid.overview.reading import class_name

    return {
        "worker": worker.worker,
        "provider": worker.provider,
        "payout": worker.profile.payout,
        "class": class_name(worker.profile.hardware_class),
        "hardware_class": "0x" + worker.profile.hardware_class.hex(),
        "fingerprint": "0x" + worker.profile.fingerprint.hex(),
        "since": worker.since,
        "capability": worker.profile.capability,
        "stake_counts_from": worker.stake.since,
        "jobs": worker.stake.locks,
        "capacity": worker.profile.capacity,
        "stake": amount_json(Amount(worker.stake.active, stake)),
        "locked": amount_json(Amount(worker.stake.locked, stake)),
        "lockable": amount_json(Amount(worker.lockable, stake)),
        "leaving": amount_json(Amount(worker.leaving.amount, stake)),
        "free": amount_json(Amount(worker.free, stake)),
        "score": str(worker.points),
        "wins": worker.wins,
        "faults": worker.faults,
    }


# ---------------------------------------------------------------------------------------------------------------- jobs


def _states(names: list[str]) -> frozenset[JobState]:
    """Raises SpecInvalid."""
    found: set[JobState] = set()
    for name in names:
        if name.lower() == "open":
            found |= {JobState.POSTED, JobState.ASSIGNED, JobState.COMMITTED}
        elif name.lower() in STATES:
            found.add(JobState[name.upper()])
        else:
            raise SpecInvalid(f"no state {name[:40]!r}; choose of {', '.join(STATES)}, open")
    return frozenset(found)


def _job_cells(contracts: Contracts, row: JobRow) -> tuple[object, ...]:
    from tensorgrid.overview.reading import strategy_name, tier_name

    terms = row.terms
    return (
        "0x" + row.id.hex()[:10],
        row.posted_block,
        short_id(terms.requester),
        tier_name(contracts, terms.verifier),
        strategy_name(contracts, terms.scheduler),
        Amount(terms.price, _token(contracts, terms.pay_token)),
        f"{len(row.story.first_seats)} of {terms.workers}",
        row.state.name.lower(),
        row.story.phase,
    )


def _job_json(contracts: Contracts, row: JobRow) -> dict[str, Any]:
    from tensorgrid.overview.reading import class_name, strategy_name, tier_name

    terms, token = row.terms, _token(contracts, row.terms.pay_token)
    return {
        "id": "0x" + row.id.hex(),
        "state": row.state.name.lower(),
        "phase": row.story.phase,
        "posted_block": row.posted_block,
        "requester": terms.requester,
        "check": tier_name(contracts, terms.verifier),
        "strategy": strategy_name(contracts, terms.scheduler),
        "class": class_name(terms.hardware_class),
        "price": amount_json(Amount(terms.price, token)),
        "escrow": amount_json(Amount(terms.escrow, token)),
        "deadline": row.story.deadline,
        "seats": [{"number": s.number, "worker": s.worker, "phase": s.phase} for s in row.story.in_order],
        "wanted": terms.workers,
    }


# --------------------------------------------------------------------------------------------------------------- trace


def _moved(move: Move, pay: Token, stake: Token) -> str:
    return f"{_amount(move, pay, stake)} {move.kind}" + (f" ({short_id(move.who)})" if move.who != "nobody" else "")


def _amount(move: Move, pay: Token, stake: Token) -> Amount:
    from tensorgrid.overview.words import OF_STAKE

    return Amount(move.units, stake if move.kind in OF_STAKE else pay)


def _summary(found: JobTrace, pay: Token) -> dict[str, object]:
    from tensorgrid.overview.words import BOUNTY, FEE, HELD, PAID, RETURNED

    sums = {kind: Amount(found.total(kind), pay) for kind in (HELD, PAID, FEE, RETURNED, BOUNTY)}
    told = "the job has not ended" if found.missing is None else f"{found.missing} units"
    return {"job": "0x" + found.id.hex(), "now": found.story.phase, **sums, "missing": told} | {
        "gas": f"{sum(found.gas.values()):,} in {len(found.gas)} transactions"
    }


def _trace_json(found: JobTrace, pay: Token, stake: Token) -> dict[str, Any]:
    from tensorgrid.overview.words import BOUNTY, FEE, HELD, PAID, RETURNED

    return {
        "id": "0x" + found.id.hex(),
        "state": found.story.state.name.lower(),
        "steps": [
            {
                "time": step.time,
                "block": step.event.log.block,
                "transaction": step.event.log.tx,
                "sender": step.sender,
                "event": type(step.event).__name__,
                "what": step.words,
                "moves": [
                    {"kind": move.kind, "who": move.who, "amount": amount_json(_amount(move, pay, stake))}
                    for move in step.moves
                ],
            }
            for step in found.steps
        ],
        "gas": found.gas,
        "shared": sorted(found.shared),
        "sums": {kind: amount_json(Amount(found.total(kind), pay)) for kind in (HELD, PAID, FEE, RETURNED, BOUNTY)},
        "missing_units": None if found.missing is None else str(found.missing),
    }


# --------------------------------------------------------------------------------------------------------------- check


def _verdict(found: Health, name: str, broken: set[str]) -> str:
    count = found.looked_at[name]
    if name in broken:
        return f"VIOLATED ({sum(one.invariant == name for one in found.violations)} of {count})"
    return f"ok ({count} looked at)" if count else "nothing to look at"


def _health_json(found: Health) -> dict[str, Any]:
    from tensorgrid.overview.health import UNSEEN

    return {
        "block": found.block,
        "holds": found.holds,
        "looked_at": found.looked_at,
        "not_seen": list(UNSEEN),
        "violations": [
            {
                "invariant": one.invariant,
                "subject": one.subject,
                "about": one.about,
                "have": str(one.have),
                "most": str(one.most),
            }
            for one in found.violations
        ],
    }


# -------------------------------------------------------------------------------------------------------------- shared


def _token(contracts: Contracts, address: str) -> Token:
    """A job may be paid in a token that the deployment file no longer names: then it is shown in its units."""
    known = {token.address: token for token in contracts.deployment.tokens}
    return known.get(address) or Token(address, short_id(address), 0)


def _stake_token(contracts: Contracts) -> Token:
    return contracts.deployment.stake_token or Token(contracts.vault.stake_token(), "units", 0)


def _say_rest(count: int, limit: int, what: str) -> None:
    if count > limit:
        say(f"{limit} of {count} {what}; --limit shows more")
