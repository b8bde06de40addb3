"""What a journal tells, for people and programs. Reads only, beside a running worker too."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.control import is_running
from tensorgrid_worker.watch.logs import printable

_JOBS = "SELECT * FROM jobs ORDER BY posted_block DESC LIMIT 50"
_OUTBOX = (
    "SELECT job, kind, status, reason, nonce, hashes, block FROM outbox WHERE status IN ('new', 'sent') ORDER BY id"
)


class NoJournal(TensorgridError):
    """The worker of this home has never run."""


def read_status(home: Path) -> dict[str, Any]:
    """{"worker", "jobs": [...], "outbox": [...]} as JSON values. Raises NoJournal."""
    path = home / "journal.sqlite"
    if not path.is_file():
        raise NoJournal(f"{home} holds no journal; start the worker once, or pass the --config that it runs with")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        owner = {row["key"]: row["value"] for row in database.execute("SELECT * FROM meta")}
        jobs = [_job(row) for row in database.execute(_JOBS)]
        outbox = [dict(row) | {"job": "0x" + row["job"].hex()} for row in database.execute(_OUTBOX)]
    finally:
        database.close()
    return {"worker": owner.get("worker"), "chain": owner.get("chain"), "jobs": jobs, "outbox": outbox}


def full_status(config: WorkerConfig) -> dict[str, Any]:
    """The journal's, and beside it what the chain knows: "chain_state", or "chain_problem" when it cannot be asked.

    {"name", "running"} too. Raises NoJournal, KeyMissing only when there is neither journal nor keystore.
    """
    from tensorgrid_worker.keys import address_in

    try:
        found = read_status(config.home)
    except NoJournal:
        if not config.keystore.is_file():
            raise
        found = {"worker": address_in(config.keystore), "chain": None, "jobs": [], "outbox": []}
    return {"name": config.name, "running": is_running(config.home)} | found | _asked(config, found["worker"])


def _asked(config: WorkerConfig, worker: str | None) -> dict[str, Any]:
    from tensorgrid.chain.connection import Connection
    from tensorgrid.chain.contracts import Contracts
    from tensorgrid.chain.deployments import Deployment
    from tensorgrid_worker.membership.overview import chain_state

    if worker is None:
        return {"chain_problem": "the journal does not say whose it is"}
    try:
        deployment = Deployment.load(config.deployment)
        with Connection(config.rpc_url, chain_id=deployment.chain_id) as connection:
            return {"chain_state": chain_state(Contracts(connection, deployment, check=False), worker)}
    except TensorgridError as error:
        return {"chain_problem": str(error)}


def as_table(found: dict[str, Any]) -> str:
    """For people."""
    from tensorgrid_worker.membership.overview import as_lines

    state = "" if "running" not in found else ", running" if found["running"] else ", not running"
    lines = [f"worker {found['worker']} on chain {found['chain']}{state}"]
    if "chain_state" in found:
        lines += as_lines(found["chain_state"])
    elif "chain_problem" in found:
        lines.append(printable(f"the chain cannot be asked: {found['chain_problem']}"))
    lines += [
        f"{job['job'][:10]}  block {job['posted_block']:>8}  {job['state']:<12} {printable(job['detail'])}".rstrip()
        for job in found["jobs"]
    ]
    lines += [f"sending {row['kind']} for {row['job'][:10]} ({row['status']})" for row in found["outbox"]]
    return "\n".join(lines if found["jobs"] else [*lines, "no job seen yet"])


def _job(row: sqlite3.Row) -> dict[str, Any]:
    state = row["ended_as"] or ("assigned" if row["assigned_block"] else row["preparation"])
    return {
        "job": "0x" + row["id"].hex(),
        "posted_block": row["posted_block"],
        "state": state,
        "detail": row["outcome"] or row["reason"],
    }
