"""Jurors of a devnet: five workers of their own who have staked for the jury, and vote as they are told.

On a public network jurors replay what the case names and vote what they find. Here somebody has to play them.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.jury import Decision, Jury, JuryRules, vote_commitment
from tensorgrid.chain.send import Sender
from tensorgrid.devnet.network import Devnet
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import DevnetFailed
from tensorgrid.domain.jobs import ZERO_ADDRESS, JobId, hardware_class
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.provider import register_worker

_SEATS = 5
_STAKES = 2  # cases at once


class Jurors:
    """Registered and staked when made: before the first case that they are to judge. Blocks must come by transactions
    alone (`Devnet.paused`) while they act. Raises DevnetFailed without a jury."""

    def __init__(self, net: Devnet, accounts: Sequence[LocalAccount]) -> None:
        contracts = net.contracts
        if contracts.jury is None or len(accounts) != _SEATS:
            raise DevnetFailed(f"a jury of {_SEATS} needs a network that has one and as many accounts; give both")
        self._net = net
        self.jury: Jury = contracts.jury
        self.accounts = tuple(accounts)
        self._rules: JuryRules = self.jury.rules()
        self._senders = [Sender(net.connection, account) for account in accounts]
        for sender in self._senders:
            self._enrol(sender)

    def decide(self, verifier: str, job_id: JobId, votes: Sequence[Decision]) -> None:
        """The whole first round, and the time to appeal after it. `votes`: of all five."""
        found, _ = self.jury.round_of(verifier, job_id)
        self._net.anvil.mine(max(1, found.draw + 1 - self._net.connection.latest().number))
        everybody_at = found.opened_at + self._rules.take_time * 3 // 4  # late tickets have won too
        self._net.advance(everybody_at - self._net.connection.now())
        for sender in self._senders:
            sender.transact(self.jury.take(verifier, job_id))
        for number, (sender, vote) in enumerate(zip(self._senders, votes, strict=True), 1):
            sealed = vote_commitment(verifier, job_id, False, sender.address, vote, self._salt(sender))
            sender.transact(self.jury.vote(verifier, job_id, number, sealed))
        for number, (sender, vote) in enumerate(zip(self._senders, votes, strict=True), 1):
            sender.transact(self.jury.show(verifier, job_id, number, vote, self._salt(sender)))
        self._net.advance(self._rules.appeal_time + 1)
        self._senders[0].transact(self.jury.release(verifier, job_id))

    def share_slash(self, verifier: str, job_id: JobId) -> None:
        """Out of what was slashed, into each juror's wallet."""
        token, escrow = self._net.stake_token.address, self._net.contracts.escrow
        self._senders[0].transact(self.jury.share(verifier, job_id, ZERO_ADDRESS, token))
        for sender in self._senders:
            free = escrow.balance(self.jury.address, token, sender.address).free
            if free:
                sender.transact(escrow.withdraw(self.jury.address, token, free, sender.address))

    def _enrol(self, sender: Sender) -> None:
        net, contracts, amount = self._net, self._net.contracts, self._rules.juror_stake * _STAKES
        net.give(sender.address, net.stake_token, amount)
        profile = WorkerProfile(sender.address, hardware_class("cpu"), capacity=_STAKES)
        register_worker(sender, contracts, (sender.address, b""), profile)
        token = contracts.token(net.stake_token.address)
        sender.transact(token.approve(contracts.vault.address, amount))
        sender.transact(contracts.vault.deposit(sender.address, amount))
        sender.transact(contracts.vault.allocate(sender.address, self.jury.address, amount))

    @staticmethod
    def _salt(sender: Sender) -> bytes:
        return keccak256(b"a devnet's juror keeps no secrets" + sender.address.encode())
