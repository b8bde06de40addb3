"""What a worker has and does, for people and programs: its journal, and beside it what the chain knows."""

from __future__ import annotations

from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.control import is_running
from tensorgrid_worker.logs import printable
from tensorgrid_worker.memory.reading import NoJournal, read_status


def full_status(config: WorkerConfig) -> dict[str, Any]:
    """The journal's, and beside it what the chain knows: "chain_state", or "chain_problem" when it cannot be asked.

    {"name", "running", "fingerprint"} too. Raises NoJournal, KeyMissing only where there is neither journal nor key.
    """
    from tensorgrid_worker.keys import address_in

    try:
        found = read_status(config.home)
    except NoJournal:
        if not config.keystore.is_file():
            raise
        found = {"worker": address_in(config.keystore), "chain": None, "jobs": [], "outbox": []}
    told = {"name": config.name, "running": is_running(config.home), "fingerprint": _fingerprint(config)}
    return told | found | _asked(config, found["worker"])


def _fingerprint(config: WorkerConfig) -> dict[str, Any] | None:
    """The kept one with its parts: whoever gets other bits compares them name by name. None: never taken."""
    from tensorgrid_worker.capability.fingerprints import load

    try:
        kept = load(config.home)
    except TensorgridError as error:
        return {"problem": str(error)}
    return kept.to_json() if kept is not None else None


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
    if fingerprint := found.get("fingerprint"):
        lines.append(printable(f"fingerprint {fingerprint.get('digest') or fingerprint['problem']}"))
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
