"""Rounds of a drand network over HTTP. None of those who relay them is trusted: the contract checks each round."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import httpx

from tensorgrid.chain.calls import Call
from tensorgrid.chain.network import Beacon
from tensorgrid.domain.encoding import parse_json
from tensorgrid.domain.errors import ChainError, Reverted, RoundNotPublished, SpecInvalid

MAX_RELAYS = 16
SIGNATURE_BYTES = 64
_MAX_ANSWER = 4096  # bytes: a round is about 350
_SECONDS = 5.0  # for a whole answer, from looking up the name to the last byte
_UNWILLING = frozenset({"SignatureForged", "SignatureMalformed"})


def storing(beacon: Beacon, relays: Relays, number: int) -> Call | None:
    """What stores a due round for good, by anyone; None when drand's is there already.

    Raises RoundNotDue, RoundLost, and what `Relays.proof` raises.
    """
    if beacon.by_block:
        beacon.proven(number, b"")
        return beacon.store(number)
    if any(beacon.value_of(number)):
        return None
    return beacon.store(number, relays.proof(beacon, number)[0])


class Relays:
    """drand's own API: GET <address>/public/<round>. Threads may share one. Raises SpecInvalid for a bad address."""

    def __init__(self, urls: Sequence[str], *, timeout: float = _SECONDS) -> None:
        self._timeout = timeout
        self._urls = [_checked(url) for url in urls[:MAX_RELAYS]]
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nobody is asked any more. What is under way ends within its seconds."""
        self._closed = True

    def proof(self, beacon: Beacon, number: int) -> tuple[bytes, bytes]:
        """The round's signature, 64 bytes, and its value, 32 bytes: of the first relay whose signature `beacon` takes.

        All are asked at once, and none for longer than the seconds given.
        Raises RoundNotPublished when nobody has one yet, SignatureForged or SignatureMalformed when all that were
        handed out are, RoundNotDue, Unreachable.
        """
        refusal: Reverted | None = None
        reasons: list[str] = []
        for signature in self._signatures(number, reasons):
            try:
                return signature, beacon.proven(number, signature)
            except Reverted as error:
                if error.name not in _UNWILLING:
                    raise
                refusal = error
        if refusal is not None:
            raise refusal
        told = "; ".join(sorted(reasons)) or "no relay is named"
        raise RoundNotPublished(f"nobody has round {number} of drand ({told}); wait, or name other relays", number)

    def _signatures(self, number: int, reasons: list[str]) -> Iterator[bytes]:
        """Each one once, the fastest first; `reasons` gets a line for every relay that gives none."""
        if self._closed:
            raise RuntimeError("the relays are closed")
        answers: SimpleQueue[bytes | str] = SimpleQueue()
        for url in self._urls:  # each on its own, looked up by name too: none of them can keep another waiting
            threading.Thread(target=self._ask, args=(url, number, answers), name=f"relay-{number}", daemon=True).start()
        seen = set()
        for _ in self._urls:
            found = answers.get()
            if isinstance(found, str):
                reasons.append(found)
            elif found not in seen:
                seen.add(found)
                yield found

    def _ask(self, url: str, number: int, answers: SimpleQueue[bytes | str]) -> None:
        """Puts one thing: a signature, or why there is none."""

        async def asked() -> None:
            try:
                async with asyncio.timeout(self._timeout):
                    found: bytes | str = _signature(await self._fetch(f"{url}/public/{number}"), number)
            except Exception as error:  # whatever a stranger's bytes bring about: somebody waits for us
                # Only the kind is told: words of a relay are a stranger's, and an address may hold a password.
                words = str(error) if isinstance(error, ChainError) else type(error).__name__
                found = f"{httpx.URL(url).host}: {words}"
            answers.put(found)

        asyncio.run(asked())

    async def _fetch(self, url: str) -> bytes:
        # No redirects, no proxy that a shell happens to name, no compression that could unpack into gigabytes.
        client = httpx.AsyncClient(
            timeout=self._timeout, trust_env=False, verify=self._tls, headers={"Accept-Encoding": "identity"}
        )
        answer = b""
        async with client, client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise ChainError(f"status {response.status_code}")
            async for piece in response.aiter_raw():
                answer += piece
                if len(answer) > _MAX_ANSWER:
                    raise ChainError("an answer too long")
        return answer


def _signature(answer: bytes, number: int) -> bytes:
    """Raises ChainError, SpecInvalid, LookupError, TypeError, ValueError on what is no round."""
    raw: Any = parse_json(answer, "the answer")
    if raw["round"] != number:
        raise ChainError("another round")
    signature = bytes.fromhex(raw["signature"])
    if len(signature) != SIGNATURE_BYTES:
        raise ChainError("no signature")
    return signature


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise SpecInvalid("a drand relay is no URL; give one like https://api.drand.sh/CHAIN_HASH") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or (parsed.port or 0) >= 1 << 16:
        raise SpecInvalid("a drand relay needs an http:// or https:// address; give one like https://api.drand.sh/HASH")
    return url.rstrip("/")
