"""EIP-2612: an allowance that is signed instead of sent."""

from __future__ import annotations

from tensorgrid.chain.money import TokenContract
from tensorgrid.domain.eip712 import SigningDomain, TypedMessage, struct_hash
from tensorgrid.domain.errors import ChainError, Unreachable

_PERMIT_TYPE = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


def permit_message(token: TokenContract, owner: str, spender: str, amount: int, deadline: int) -> TypedMessage:
    """What `owner` signs so that `spender` may take `amount` units until `deadline` (Unix seconds).

    Raises ChainError when the token has no permits, or not of a form whose meaning we can check: what is signed is
    built here, never taken from the token.
    """
    try:
        nonce, separator, name = token.nonce_of(owner), token.domain_separator(), token.long_name()
    except Unreachable:
        raise
    except ChainError as error:
        raise ChainError(f"{token.address} knows no permits; deposit without permit") from error
    for version in ("1", "2"):
        domain = SigningDomain(name, version, token.connection.chain_id, token.address)
        if domain.separator == separator:
            return TypedMessage(domain, struct_hash(_PERMIT_TYPE, [owner, spender, amount, nonce, deadline]))
    raise ChainError(f"{token.address} has permits of a form that this release does not sign; deposit without permit")
