"""One node over HTTP: typed answers, typed errors, nothing retried behind the caller's back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeGuard, TypeVar, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError
from web3.types import RPCEndpoint, RPCResponse

from tensorgrid.chain.reverts import decode_revert, printable, revert_data
from tensorgrid.domain.encoding import parse_json
from tensorgrid.domain.errors import (
    ChainError,
    InsufficientFunds,
    NodeRefused,
    RateLimited,
    SpecInvalid,
    TensorgridError,
    Unreachable,
    WrongChain,
)

_MAX_REPLY = 64 << 20  # bytes: far above any honest window of logs, far below what hurts
_BATCH = 100  # requests in one: public nodes bound it about there
_MOST_COUNTED = 2**53 - 1
_LONGEST_REST = 60.0  # seconds that a node may ask us to stay away at once
_LIMITS = (-32005, -32029, -32097)  # "limit exceeded", as most providers number it
_TOO_OFTEN = re.compile(r"(?i)rate.?limit|too many requests|request limit|capacity|throttl|per second|compute units")
_TOO_MUCH = re.compile(r"(?i)results|block range|response size|blocks? (?:are|is)|batch|logs")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block's header, as far as we need it. `hash`, `parent`: 0x + 64 hex; `timestamp`: Unix seconds, chain time."""

    number: int
    hash: str
    timestamp: int
    parent: str
    base_fee: int = 0


class Connection:
    """A node of one chain. Safe to share between threads.

    Raises Unreachable when the node does not answer, WrongChain when `chain_id` is given and the node's is another.
    """

    def __init__(self, url: str, *, chain_id: int | None = None, timeout: float = 10) -> None:
        self.shown_url = redact(url)
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Unreachable(f"{self.shown_url} is no http:// or https:// address of a node; give one")
        self._provider = _Provider(url, timeout)
        self.web3 = Web3(self._provider)
        self.timeout = timeout
        self.chain_id = quantity(self.rpc("eth_chainId"), "chain id")
        if chain_id is not None and chain_id != self.chain_id:
            self.close()
            raise WrongChain(
                f"{self.shown_url} is a node of chain {self.chain_id}, and chain {chain_id} is wanted; "
                "give the URL of a node of that chain"
            )

    def __repr__(self) -> str:
        return f"Connection({self.shown_url!r}, chain_id={self.chain_id})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets. A later call opens new ones."""
        self._provider.session.close()

    # ---------------------------------------------------------------------------------------------------------- blocks

    def latest(self) -> BlockRef:
        """The newest block of the node."""
        found = self.block("latest")
        if found is None:
            raise ChainError(f"{self.shown_url} has no latest block; is it still starting?")
        return found

    def now(self) -> int:
        """The chain's time: timestamp of the latest block, Unix seconds."""
        return self.latest().timestamp

    def block(self, number: int | str) -> BlockRef | None:
        """The block of that number (or tag, or 0x-hash); None when the node has none."""
        if isinstance(number, str) and len(number) == 66:
            header = self.rpc("eth_getBlockByHash", number, False)
        else:
            header = self.rpc("eth_getBlockByNumber", block_tag(number), False)
        if header is None:
            return None
        if not isinstance(header, dict):
            raise ChainError(f"{self.shown_url} answered something that is no block; use another node")
        return BlockRef(
            number=counted(header.get("number"), "block number"),
            hash=hash32(header.get("hash"), "block hash"),
            timestamp=counted(header.get("timestamp"), "timestamp"),
            parent=hash32(header.get("parentHash"), "parent hash"),
            base_fee=counted(header.get("baseFeePerGas") or "0x0", "base fee"),
        )

    def code(self, address: str, block: int | str = "latest") -> bytes:
        """The contract's runtime code; empty for an account without."""
        return data(self.rpc("eth_getCode", address, block_tag(block)), "code")

    def balance(self, address: str, block: int | str = "latest") -> int:
        """Wei of the chain's own coin, which pays for gas."""
        return quantity(self.rpc("eth_getBalance", address, block_tag(block)), "balance")

    # ----------------------------------------------------------------------------------------------------------- calls

    def eth_call(
        self,
        to: str,
        payload: bytes,
        *,
        sender: str | None = None,
        block: int | str = "latest",
        value: int = 0,
        gas: int | None = None,
    ) -> bytes:
        """What the contract would answer. Raises Reverted with the contract's own error."""
        request: dict[str, str] = {"to": to, "data": "0x" + payload.hex()}
        if sender is not None:
            request["from"] = sender
        if value:
            request["value"] = hex(value)
        if gas is not None:
            request["gas"] = hex(gas)
        return data(self.rpc("eth_call", request, block_tag(block)), "answer")

    def in_next_block(self, ask: Callable[[str], T]) -> T:
        """`ask("pending")`, or `ask("latest")` of a node that builds no pending block. What `ask` raises otherwise."""
        try:
            return ask("pending")
        except NodeRefused:
            return ask("latest")

    def rpc(self, method: str, *params: Any) -> Any:
        """One JSON-RPC request, its `result` as JSON.

        Raises Unreachable (no answer), RateLimited (not now), Reverted (a contract refused), InsufficientFunds (no coin
        for gas), NodeRefused.
        """
        reply = self._answer(method, lambda: self._provider.make_request(RPCEndpoint(method), list(params)))
        if not isinstance(reply, dict):
            raise Unreachable(f"{self.shown_url} answers, but not in JSON-RPC; check the URL")
        if reply.get("error") is not None:
            raise _refusal(method, reply["error"], self.shown_url)
        return reply.get("result")

    def batch(self, asked: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Many requests, (method, params) each, in as few HTTP requests as will do: an answer or an error for each.

        An error is a value of the list (Reverted, NodeRefused...), except that what concerns all of them is raised:
        Unreachable, RateLimited. A node that takes no batches is asked one by one.
        """
        found: list[Any] = []
        for start in range(0, len(asked), _BATCH):
            found += self._part(asked[start : start + _BATCH])
        return found

    def _part(self, asked: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        replies = self._answer("a batch", lambda: self._provider.make_batch(asked)) if len(asked) > 1 else None
        known = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)} if _is_list(replies) else {}
        found: list[Any] = []
        for number, (method, params) in enumerate(asked):
            reply = known.get(number)
            if reply is None:
                found.append(self._outcome(method, params))
            elif reply.get("error") is not None:
                found.append(_refusal(method, reply["error"], self.shown_url))
            else:
                found.append(reply.get("result"))
        return found

    def _outcome(self, method: str, params: Sequence[Any]) -> Any:
        try:
            return self.rpc(method, *params)
        except Unreachable:
            raise
        except TensorgridError as error:
            return error

    def _answer(self, method: str, ask: Callable[[], Any]) -> Any:
        """What the node sent, of whatever shape. Raises Unreachable, RateLimited, NodeRefused."""
        try:
            return ask()
        except _TooLarge:
            raise NodeRefused(
                f"{self.shown_url} answered {method} with more than {_MAX_REPLY >> 20} MiB; ask for less at once"
            ) from None
        except _Throttled as throttled:
            raise RateLimited(
                f"{self.shown_url} has had too many requests for now; ask less often, or use another node",
                throttled.rest,
            ) from None
        except requests.RequestException as error:
            # `from None`: the library's message carries the whole URL, and with it an API key
            raise self._silent(error) from None
        except SpecInvalid:
            raise Unreachable(f"{self.shown_url} answers, but not in JSON-RPC; check the URL") from None

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function`, which uses `.web3`, with its failures as ours: Unreachable, Reverted, NodeRefused."""
        try:
            return function(*args, **kwargs)
        except (requests.RequestException, ConnectionError, TimeoutError) as error:
            raise self._silent(error) from None
        except ContractLogicError as error:
            raise decode_revert(revert_data({"data": error.data, "message": "revert"}) or b"") from error
        except Web3RPCError as error:
            raise _refusal(getattr(function, "__name__", "request"), (error.rpc_response or {}).get("error")) from error
        except Web3Exception as error:
            raise ChainError(f"{type(error).__name__}: {printable(str(error))}") from error

    def _silent(self, error: Exception) -> Unreachable:
        kind = type(error).__name__
        return Unreachable(f"{self.shown_url} does not answer ({kind}); check that the node runs and the URL is right")


class _Provider(HTTPProvider):
    """web3's provider without its retries and its debug log (both know the whole URL), with a bound on replies."""

    def __init__(self, url: str, timeout: float) -> None:
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_maxsize=32))
        self.session.mount("https://", HTTPAdapter(pool_maxsize=32))
        self.session.trust_env = urlsplit(url).hostname not in _LOOPBACK  # a proxy never reaches our own loopback
        super().__init__(url, {"timeout": timeout}, session=self.session, exception_retry_configuration=None)
        self._url, self._timeout = url, timeout

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return cast("RPCResponse", self._post(self.encode_rpc_request(method, params)))

    def make_batch(self, asked: Sequence[tuple[str, Sequence[Any]]]) -> Any:
        """Ids are the places in `asked`."""
        requests_ = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in enumerate(asked)
        ]
        return self._post(json.dumps(requests_).encode())

    def _post(self, body: bytes) -> Any:
        give_up = time.monotonic() + self._timeout * 3
        with self.session.post(
            self._url,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=self._timeout,
            stream=True,
            allow_redirects=False,
        ) as response:
            if response.status_code == 429:
                raise _Throttled(_rest(response.headers.get("Retry-After", "")))
            received = bytearray()
            # read1 gives what has come: a node that sends a byte now and then must not keep us beyond the deadline.
            while chunk := _some(response):
                received += chunk
                if len(received) > _MAX_REPLY:
                    raise _TooLarge
                if time.monotonic() > give_up:
                    raise requests.Timeout("reply too slow")
            try:
                return parse_json(bytes(received), "the reply")
            except SpecInvalid:
                response.raise_for_status()  # an HTTP error page; some nodes send JSON-RPC errors with a bad status too
                raise


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


class _TooLarge(requests.RequestException):
    """A reply above _MAX_REPLY."""


class _Throttled(requests.RequestException):
    """HTTP 429. `rest`: seconds."""

    def __init__(self, rest: float) -> None:
        super().__init__()
        self.rest = rest


def _rest(header: str) -> float:
    """Of Retry-After in seconds; dates are not worth the trouble."""
    return min(float(header), _LONGEST_REST) if header.isascii() and header.isdigit() else 0.0


def _some(response: requests.Response) -> bytes:
    """What has come of the body, empty at its end. Raises requests.RequestException."""
    try:
        some: bytes = response.raw.read1(1 << 16, decode_content=True)
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(type(error).__name__) from None
    return some


def _refusal(method: str, error: Any, url: str = "the node") -> TensorgridError:
    error = error if isinstance(error, dict) else {"message": str(error)}
    message = printable(str(error.get("message", "no reason given")))
    refused = revert_data(error)
    if refused is not None:
        return decode_revert(refused)
    if "insufficient funds" in message.lower():
        return InsufficientFunds(f"not enough coin to pay for gas ({message}); send the account some")
    code = error.get("code")
    # -32005 says both "too often" and "too much at once": only the words tell, and the second is not cured by waiting.
    if (code in _LIMITS or _TOO_OFTEN.search(message)) and not _TOO_MUCH.search(message):
        return RateLimited(f"{url} has had too many requests for now ({message}); ask less often, or use another node")
    return NodeRefused(f"the node refused {method}: {message}", code if isinstance(code, int) else 0)


# ---------------------------------------------------------------------------------------------------- what nodes answer


def redact(url: str) -> str:
    """The URL as it may be shown: scheme, host and port. User, path and query may hold keys."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or '?'}{port}" + ("/…" if parts.path.strip("/") or parts.query else "")


def block_tag(block: int | str) -> str:
    return hex(block) if isinstance(block, int) else block


def quantity(value: Any, what: str) -> int:
    """A JSON-RPC quantity. Raises ChainError on anything else."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise ChainError(f"the node sent no valid {what}; use another node")


def counted(value: Any, what: str) -> int:
    """As `quantity`, of what can only be counted or measured: below 2**53, so that a lie overflows nothing."""
    found = quantity(value, what)
    if found > _MOST_COUNTED:
        raise ChainError(f"the node sent an absurd {what}; use another node")
    return found


def data(value: Any, what: str) -> bytes:
    """JSON-RPC data. Raises ChainError on anything else."""
    if isinstance(value, str) and _DATA.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise ChainError(f"the node sent no valid {what}; use another node")


def hash32(value: Any, what: str) -> str:
    """32 bytes as 0x + 64 lower-case hex digits. Raises ChainError on anything else."""
    if len(data(value, what)) != 32:
        raise ChainError(f"the node sent no valid {what}; use another node")
    return str(value).lower()
