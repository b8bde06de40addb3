"""Transactions out: one owner of one account's nonces, tried before they cost money, found again when they are lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tensorgrid.chain.abi import checksum
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import Connection, counted, hash32
from tensorgrid.chain.receipts import SentTx, TxReceipt, receipt_of
from tensorgrid.domain.errors import ChainError, NodeRefused, Reverted, TensorgridError, TransactionLost, Unreachable

_GWEI = 10**9
_REMEMBERED = 256
_KNOWN = ("already known", "already imported", "known transaction", "alreadyknown")
_USED = ("nonce too low", "nonce is too low", "old nonce")


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """EIP-1559 fees, wei per gas. `max_fee`: never exceeded (None: no bound); `tip`: to the block's builder."""

    tip: int = _GWEI
    base_fee_factor: int = 2
    max_fee: int | None = None

    def fees(self, base_fee: int) -> tuple[int, int]:
        """(maxFeePerGas, maxPriorityFeePerGas). Raises ChainError when the bound lies below what the chain asks now."""
        wanted = base_fee * self.base_fee_factor + self.tip
        if self.max_fee is None or wanted <= self.max_fee:
            return wanted, self.tip
        if base_fee + 1 > self.max_fee:
            raise ChainError(
                f"gas costs {base_fee} wei now, more than the {self.max_fee} allowed; wait, or allow a higher max_fee"
            )
        return self.max_fee, min(self.tip, self.max_fee - base_fee)


class Sender:
    """The only user of an account's nonces. Safe to share between threads; two of them for one account are not.

    A call is simulated (by the gas estimate) before it is signed, so a refusal is Reverted and costs nothing.
    """

    def __init__(
        self, connection: Connection, account: LocalAccount, *, fees: FeePolicy | None = None, timeout: float = 60
    ) -> None:
        self.connection = connection
        self.address = checksum(account.address)
        self.fees = fees or FeePolicy()
        self.timeout = timeout
        self.poll_seconds = 0.1
        self._account = account
        self._lock = threading.RLock()
        self._next = 0
        self._sent: dict[int, bytes] = {}  # by nonce: what may have to be sent again

    def __repr__(self) -> str:
        return f"Sender({self.address})"

    # ---------------------------------------------------------------------------------------------------------- pieces

    def next_nonce(self) -> int:
        """The nonce that the node expects next, its pool included."""
        return counted(self.connection.rpc("eth_getTransactionCount", self.address, "pending"), "nonce")

    def mined_nonce(self) -> int:
        """How many transactions of this account are in blocks."""
        return counted(self.connection.rpc("eth_getTransactionCount", self.address, "latest"), "nonce")

    def build_and_sign(
        self, call: Call, nonce: int | None = None, *, gas: int | None = None, fees: tuple[int, int] | None = None
    ) -> SentTx:
        """A signed transaction, not yet sent. An empty `call.to` creates a contract.

        Without `gas` it is estimated (which simulates) and raised by a quarter. Raises Reverted, InsufficientFunds.
        """
        if gas is None:
            gas = self.estimate(call)
        if fees is None:
            fees = self.fees.fees(self.connection.latest().base_fee)
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self.connection.chain_id,
            "nonce": self.next_nonce() if nonce is None else nonce,
            "gas": gas,
            "maxFeePerGas": fees[0],
            "maxPriorityFeePerGas": fees[1],
            "value": call.value,
            "data": call.data,
        }
        if call.to:
            fields["to"] = call.to
        signed = self._account.sign_transaction(fields)
        return SentTx("0x" + signed.hash.hex(), fields["nonce"], bytes(signed.raw_transaction), call.name, gas)

    def estimate(self, call: Call) -> int:
        """Gas for `call` in the next block, plus a quarter: state may move before it is mined. Raises Reverted."""
        request = self._request(call)
        answer = self.connection.in_next_block(lambda tag: self.connection.rpc("eth_estimateGas", request, tag))
        return counted(answer, "gas estimate") * 5 // 4

    def _request(self, call: Call) -> dict[str, str]:
        request = {"from": self.address, "data": "0x" + call.data.hex(), "value": hex(call.value)}
        return request | {"to": call.to} if call.to else request

    def estimates(self, calls: Sequence[Call]) -> list[int | TensorgridError]:
        """As `estimate` on the latest block, of many calls at once; a refusal takes the place of the number."""
        asked = [("eth_estimateGas", [self._request(call), "latest"]) for call in calls]
        return [
            answer if isinstance(answer, TensorgridError) else counted(answer, "gas estimate") * 5 // 4
            for answer in self.connection.batch(asked)
        ]

    def broadcast(self, raw: bytes) -> str:
        """Hand a signed transaction to the node; doing it again is harmless. Returns its hash.

        Raises TransactionLost when its nonce was used by another transaction, NodeRefused, Unreachable.
        """
        tx_hash = "0x" + keccak(raw).hex()
        try:
            hash32(self.connection.rpc("eth_sendRawTransaction", "0x" + raw.hex()), "transaction hash")
        except NodeRefused as refused:
            message = str(refused).lower()
            if any(words in message for words in _KNOWN):
                return tx_hash
            if any(words in message for words in _USED):
                if self.receipt(tx_hash) is not None:
                    return tx_hash
                raise TransactionLost(
                    f"{tx_hash}: another transaction used its nonce; look at the chain, then send anew"
                ) from refused
            raise
        return tx_hash

    def receipt(self, tx_hash: str) -> TxReceipt | None:
        """None while it is not mined, or not known."""
        raw = self.connection.rpc("eth_getTransactionReceipt", tx_hash)
        return None if raw is None else receipt_of(raw)

    def receipts(self, hashes: Sequence[str]) -> list[TxReceipt | None]:
        """As `receipt`, of many at once."""
        found: list[TxReceipt | None] = []
        for raw in self.connection.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in hashes]):
            if isinstance(raw, Exception):
                raise raw
            found.append(None if raw is None else receipt_of(raw))
        return found

    # ------------------------------------------------------------------------------------------------------------ whole

    def send(self, call: Call) -> SentTx:
        """Simulate, sign with the next nonce, broadcast. Raises Reverted, InsufficientFunds, NodeRefused.

        Unreachable leaves open whether the node got it: the next `send` offers it again; `transact` waits instead.
        """
        with self._lock:
            sent = self._prepare(call)
            self._offer(sent)
            return sent

    def wait(self, tx_hash: str, timeout: float | None = None) -> TxReceipt:
        """Until mined, failed or not. Raises TransactionLost after `timeout` seconds of local time."""
        return self._wait([tx_hash], time.monotonic() + (self.timeout if timeout is None else timeout))

    def transact(self, call: Call, *, timeout: float | None = None) -> TxReceipt:
        """Send and wait for success. A dropped transaction is broadcast again, a stuck one replaced at a higher fee,
        and a node that is silent for a while is waited for: the transaction may have reached it.

        Raises Reverted (also when only the mined transaction failed), TransactionLost, InsufficientFunds; Unreachable
        and NodeRefused only before anything was sent.
        """
        patience = self.timeout if timeout is None else timeout
        end = time.monotonic() + patience
        with self._lock:
            sent = self._prepare(call)
            with contextlib.suppress(Unreachable):
                self._offer(sent)
        hashes = [sent.hash]
        while True:
            try:
                receipt = self._wait(hashes, min(end, time.monotonic() + patience / 4))
                break
            except TransactionLost:
                if time.monotonic() >= end:
                    with self._lock:
                        self._next = 0  # whatever became of it, the next nonce is the chain's to say
                    raise
                with contextlib.suppress(Unreachable):
                    sent = self._again(call, sent)
                hashes = [*dict.fromkeys([*hashes, sent.hash])]
        if not receipt.ok:
            raise self.explain(call, receipt)
        return receipt

    def _prepare(self, call: Call) -> SentTx:
        """Signed with the next nonce, which is taken from here on."""
        sent = self.build_and_sign(call, gas=self.estimate(call), nonce=self._free_nonce())
        self._next = sent.nonce + 1
        self._sent[sent.nonce] = sent.raw
        self._sent.pop(sent.nonce - _REMEMBERED, None)
        return sent

    def _offer(self, sent: SentTx) -> None:
        """Broadcast; what the node refuses is forgotten, so that it is never offered again."""
        try:
            self.broadcast(sent.raw)
        except Unreachable:
            raise
        except TensorgridError:
            self._next = sent.nonce
            self._sent.pop(sent.nonce, None)
            raise

    def _free_nonce(self) -> int:
        """The next one after all that we sent.

        What a reorganisation took out of the chain and the node forgot is sent again: nothing is mined over a gap.
        """
        expected = self.next_nonce()
        for nonce in range(expected, self._next):
            raw = self._sent.get(nonce)
            if raw is None:
                return expected
            try:
                self.broadcast(raw)
            except Unreachable:
                raise
            except ChainError:
                return expected  # it can never be mined again: its nonce is free
        return max(expected, self._next)

    def explain(self, call: Call, receipt: TxReceipt) -> Reverted:
        """Why a mined transaction failed, by replaying it on the state before its block and after."""
        for block in (receipt.block - 1, receipt.block):
            try:
                self.connection.eth_call(call.to, call.data, sender=self.address, value=call.value, block=block)
            except Reverted as reason:
                return reason
            except ChainError:
                continue
        return Reverted(
            "TransactionFailed",
            {"transaction": receipt.hash, "gas_used": receipt.gas_used},
            "it succeeds when replayed: the state changed in between, or the gas ran out; look and try again",
        )

    def _again(self, call: Call, sent: SentTx) -> SentTx:
        """What was sent once more, or, where that is too cheap by now, the same with the same nonce at a higher fee."""
        known = self.connection.rpc("eth_getTransactionByHash", sent.hash)
        if isinstance(known, dict) and known.get("blockNumber"):
            return sent
        if known is None:  # the node dropped it
            try:
                self.broadcast(sent.raw)
                return sent
            except NodeRefused:
                pass
        max_fee, tip = self.fees.fees(self.connection.latest().base_fee)
        raised = (max_fee * 5 // 4, tip * 5 // 4 + 1)  # nodes want a tenth more than what they have
        if self.fees.max_fee is not None and raised[0] > self.fees.max_fee:
            return sent
        replacement = self.build_and_sign(call, sent.nonce, gas=sent.gas, fees=raised)
        try:
            self.broadcast(replacement.raw)
        except (NodeRefused, TransactionLost):
            return sent  # mined meanwhile, or not dear enough: keep waiting for the one we have
        with self._lock:
            self._sent[replacement.nonce] = replacement.raw
        return replacement

    def _wait(self, hashes: list[str], end: float) -> TxReceipt:
        silence = ""
        while True:
            for tx_hash in hashes:
                try:
                    receipt, silence = self.receipt(tx_hash), ""
                except Unreachable as error:
                    receipt, silence = None, f" ({error})"
                if receipt is not None:
                    return receipt
            if time.monotonic() >= end:
                lost = f"{hashes[-1]} was not mined in time; it may still be: look before sending anew{silence}"
                raise TransactionLost(lost)
            time.sleep(self.poll_seconds)


__all__ = ["FeePolicy", "Sender", "SentTx", "TxReceipt"]
