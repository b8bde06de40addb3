"""What the chain knows of one worker: whose it is, what it is worth, what it has earned. Reads only; opens no key."""

from __future__ import annotations

from typing import Any

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.jobs import ZERO_ADDRESS
from tensorgrid.domain.money import Amount
from tensorgrid_worker.membership.wallet import shown


def chain_state(contracts: Contracts, worker: str) -> dict[str, Any]:
    """As JSON values; amounts are units, as text, with the token's words. Raises Unreachable."""
    standing = contracts.registry.standing(worker)
    gas = contracts.connection.balance(worker)
    if standing.provider == ZERO_ADDRESS:
        return {"registered": False, "gas_wei": str(gas)}
    vault, board, token = contracts.vault, contracts.board.address, contracts.deployment.stake_token
    held = vault.allocation_of(standing.provider, worker, board)
    leaving = vault.exit_of(standing.provider, worker, board)
    return {
        "registered": True,
        "provider": standing.provider,
        "payee": standing.payee,
        "capacity": standing.capacity,
        "gas_wei": str(gas),
        "points": contracts.reputation.points_of(board, worker),
        "stake": {
            "active": shown(held.active, token),
            "locked": shown(held.locked, token),
            "free": shown(vault.free_of(standing.provider, worker), token),
            "leaving": shown(leaving.amount, token),
            "leaving_ready_at": leaving.ready_at,
            "jobs": held.locks,
        },
        # the escrow keeps it per payee: workers with one payee share it
        "pay_to_withdraw": [
            {"units": str(units), "token": paid.symbol, "text": str(Amount(units, paid))}
            for paid in contracts.deployment.tokens
            if (units := contracts.escrow.balance(board, paid.address, standing.payee).free)
        ],
    }


def as_lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    if not found["registered"]:
        return ["not registered: run `tensorgrid-worker register`"]
    stake = found["stake"]
    pay = ", ".join(entry["text"] for entry in found["pay_to_withdraw"]) or "none"
    return [
        f"provider {found['provider']}, points {found['points']}, gas {int(found['gas_wei']) / 1e18:.6g} coin",
        f"stake {stake['active']}, locked {stake['locked']} by {stake['jobs']} job(s), leaving {stake['leaving']}",
        f"pay to withdraw, of {found['payee']}: {pay}",
    ]
