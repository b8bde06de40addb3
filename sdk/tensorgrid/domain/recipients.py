"""Public keys that results are sealed to: age X25519 recipients, as text and as the 32 bytes the registry holds."""

from __future__ import annotations

from tensorgrid.domain import bech32
from tensorgrid.domain.errors import SpecInvalid

_PREFIX = "age"
_FIELD = 2**255 - 19
_SMALL_ORDER = frozenset(
    (
        0,
        1,
        _FIELD - 1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    )
)


def recipient_bytes(text: str) -> bytes:
    """The 32-byte X25519 key of "age1...". Raises SpecInvalid, also for keys that nothing can be sealed to."""
    key = bech32.decode(_PREFIX, text)
    _check(key)
    return key


def recipient_text(key: bytes) -> str:
    """The text, "age1...", of a 32-byte X25519 key. Raises SpecInvalid for keys that nothing can be sealed to."""
    _check(key)
    return bech32.encode(_PREFIX, key)


def _check(key: bytes) -> None:
    if len(key) != 32:
        raise SpecInvalid(f"a recipient's key has 32 bytes, this one {len(key)}; use Identity.recipient")
    point = int.from_bytes(key, "little")
    # A key of small order makes the sealing library abort: a stranger's spec must not be able to do that to a worker.
    if point >= _FIELD or point in _SMALL_ORDER:
        raise SpecInvalid("this recipient is no usable X25519 key; use Identity.generate().recipient")
