"""What parties do with their money, stake and names, apart from jobs. Each can be walked again by the same parties."""

from __future__ import annotations

from collections.abc import Iterator

from .chain import Receipt
from .network import COIN, MOST, STAKE_COIN, Network, permit_digest

Steps = Iterator[tuple[str, Receipt]]
_STAKE = 10_000 * STAKE_COIN
_NEW = -1  # the pair that comes without stake


class Purse:
    """A newcomer with tokens in his wallet and nothing in the escrow."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def money(self) -> Steps:
        """In by approval, in by permit, out again."""
        network, owner = self._network, self._network.newcomer
        board, token = network.address("JobBoard"), network.address("TestToken.USDC")
        yield "Escrow.deposit", network.deposit(owner, 100 * COIN)
        deadline = network.chain.now + 600
        digest = permit_digest(network, owner.address, network.address("Escrow"), MOST, deadline)
        made = owner.unsafe_sign_hash(digest)
        r, s = made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big")
        yield "Escrow.depositWithPermit", network.transact(
            owner, "Escrow", "depositWithPermit", board, token, owner.address, 100 * COIN, deadline, made.v, r, s
        )
        yield "Escrow.withdraw", network.transact(owner, "Escrow", "withdraw", board, token, 50 * COIN, owner.address)

    def by_permit(self) -> Steps:
        """The very first deposit, by permit."""
        raise NotImplementedError
