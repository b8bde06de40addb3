"""Money from the wallet into the escrow, where one contract may hold it: depositing for it is the consent."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.permits import permit_message
from tensorgrid.chain.send import Sender
from tensorgrid.chain.signing import sign
from tensorgrid.domain.errors import InsufficientFunds
from tensorgrid.domain.money import Amount

_PERMIT_SECONDS = 600


def deposit(
    sender: Sender, contracts: Contracts, amount: Amount, controller: str, *, permit_by: LocalAccount | None = None
) -> None:
    """Move `amount` of the sender's wallet into his free balance under `controller`: approve and deposit.

    `permit_by`: the sender's key, which signs the allowance (EIP-2612) instead of sending it; then it is one.
    Raises InsufficientFunds, Reverted, ChainError (a token without permits).
    """
    token, escrow, me = contracts.token(amount.token.address), contracts.escrow, sender.address
    have = token.balance_of(me)
    if have < amount.units:
        raise InsufficientFunds(f"the wallet has {Amount(have, amount.token)}, {amount} are to be deposited")
    allowance = token.allowance(me, escrow.address)
    if permit_by is not None and allowance < amount.units:
        deadline = contracts.connection.now() + _PERMIT_SECONDS
        message = permit_message(token, me, escrow.address, amount.units, deadline)
        signature = sign(permit_by, message).to_bytes()
        call = escrow.deposit_with_permit(
            controller,
            amount.token.address,
            me,
            amount.units,
            deadline=deadline,
            v=signature[64],
            r=signature[:32],
            s=signature[32:64],
        )
        sender.transact(call)
        return
    if allowance < amount.units:
        if allowance:  # some tokens refuse to change one allowance into another
            sender.transact(token.approve(escrow.address, 0))
        sender.transact(token.approve(escrow.address, amount.units))
    sender.transact(escrow.deposit(controller, amount.token.address, me, amount.units))


def have_free(sender: Sender, contracts: Contracts, amount: Amount, controller: str) -> None:
    """Deposit what is missing of `amount` in the sender's free balance under `controller`. Raises as `deposit`."""
    free = contracts.escrow.balance(controller, amount.token.address, sender.address).free
    if free < amount.units:
        deposit(sender, contracts, Amount(amount.units - free, amount.token), controller)
