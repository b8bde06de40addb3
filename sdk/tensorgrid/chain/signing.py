"""EIP-712 signatures by local keys, and whose they are."""

from __future__ import annotations

from eth_account import Account
from eth_account.messages import SignableMessage
from eth_account.signers.local import LocalAccount

from tensorgrid.chain.abi import checksum
from tensorgrid.domain.eip712 import Signature, TypedMessage


def sign(account: LocalAccount, message: TypedMessage) -> Signature:
    """By the account's key."""
    return Signature.of_bytes(bytes(account.sign_message(_signable(message)).signature))


def signer_of(message: TypedMessage, signature: Signature) -> str | None:
    """Whose key made it, checksummed; None when it is no signature at all."""
    try:
        return checksum(str(Account.recover_message(_signable(message), signature=signature.to_bytes())))
    except Exception:  # of the curve's library, which eth_account may exchange
        return None


def _signable(message: TypedMessage) -> SignableMessage:
    return SignableMessage(b"\x01", message.domain.separator, message.body)
