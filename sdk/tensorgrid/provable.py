"""Sealing that can be proven: the same secret to the same recipient gives the same age file, byte for byte.

Who knows the secret can so tell whether another was given it, without the other's key. What age draws at random is made
of the secret itself; nothing else differs, and any age tool opens the file. For secrets that cannot be guessed alone.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any, cast

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.recipients import recipient_bytes

_LEAST, _MOST = 32, 1 << 16  # one chunk of age's
_NONCE = bytes(12)


def seal_provably(secret: bytes, recipient: str) -> bytes:
    """An age file for one "age1..." text. `secret`: at least 32 bytes, as hard to guess. Raises SpecInvalid."""
    if not _LEAST <= len(secret) <= _MOST:
        raise SpecInvalid(f"{_LEAST} to {_MOST} bytes can be sealed so, not {len(secret)}; use privacy.seal")
    key = recipient_bytes(recipient)
    drawn = _derived(secret, key, b"tensorgrid/provable", 64)
    ephemeral, file_key, nonce = drawn[:32], drawn[32:48], drawn[48:]
    share, shared = _exchange(ephemeral, key)
    wrap_key = _derived(shared, share + key, b"age-encryption.org/v1/X25519")
    stanza = b"-> X25519 %s\n%s\n" % (_text(share), _text(_encrypted(wrap_key, _NONCE, file_key)))
    header = b"age-encryption.org/v1\n" + stanza + b"---"
    mac = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
    # The only chunk is number 0 and the last one.
    body = _encrypted(_derived(file_key, nonce, b"payload"), bytes(11) + b"\1", secret)
    return header + b" " + _text(mac) + b"\n" + nonce + body


def _exchange(secret: bytes, public: bytes) -> tuple[bytes, bytes]:
    """Our public key, and what both sides share."""
    from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement

    ours = import_x25519_private_key(secret)
    shared = key_agreement(static_priv=ours, static_pub=import_x25519_public_key(public), kdf=lambda found: found)
    return ours.public_key().export_key(format="raw"), cast("bytes", shared)


def _encrypted(key: bytes, nonce: bytes, data: bytes) -> bytes:
    from Crypto.Cipher import ChaCha20_Poly1305

    cipher: Any = ChaCha20_Poly1305.new(key=key, nonce=nonce)
    sealed, tag = cipher.encrypt_and_digest(data)
    return bytes(sealed + tag)


def _derived(key: bytes, salt: bytes, info: bytes, size: int = 32) -> bytes:
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    return cast("bytes", HKDF(key, size, salt, SHA256, context=info))


def _text(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")
