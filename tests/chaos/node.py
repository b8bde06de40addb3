"""The worker's node, and how it fails: the worker under test asks through this, the audit asks the chain itself."""

from __future__ import annotations

import random
from typing import Any

from tests.chaos.crash import Points
from tests.chaos.plan import Fault

from tensorgrid.chain.connection import Connection
from tensorgrid.domain.errors import NodeRefused, Unreachable

LAG = 4
"""Blocks that a lagging or lying node is behind."""


class Wire:
    """What is wrong with the worker's node now, and where it dies; shared by all connections of one run."""

    def __init__(self, points: Points, dice: random.Random) -> None:
        self.points, self.dice = points, dice
        self.fault = Fault.NONE
        self.lost: list[str] = []  # transactions that the node will drop from its pool


class FaultyConnection(Connection):
    """A Connection whose node does what `wire` says."""

    wire: Wire

    def rpc(self, method: str, *params: Any) -> Any:
        wire = self.wire
        match wire.fault:
            case Fault.RPC_DOWN:
                raise Unreachable(f"{self.shown_url} does not answer (chaos)")
            case Fault.RPC_LIMITS if wire.dice.random() < 0.5:
                raise NodeRefused("the node refused: too many requests", -32005)
            case Fault.RPC_LAGS | Fault.OLD_HEAD:
                return self._behind(method, params)
        if method == "eth_sendRawTransaction":
            return self._send(params)
        answer = super().rpc(method, *params)
        if method == "eth_getLogs" and isinstance(answer, list):
            return self._logs(answer)
        if method == "eth_getTransactionReceipt":
            return self._receipt(answer)
        return answer

    def _send(self, params: tuple[Any, ...]) -> Any:
        self.wire.points.pass_by("before a broadcast")
        answer = super().rpc("eth_sendRawTransaction", *params)
        if self.wire.fault is Fault.TX_DROPPED:
            self.wire.lost.append(str(answer))
        self.wire.points.pass_by("after a broadcast")
        return answer

    def _logs(self, logs: list[Any]) -> list[Any]:
        wire = self.wire
        match wire.fault:
            case Fault.LOGS_DROPPED:
                return [log for log in logs if wire.dice.random() < 0.5]
            case Fault.LOGS_TWICE:
                return [log for log in logs for _ in range(wire.dice.randint(1, 3))]
            case Fault.LOGS_SHUFFLED:
                return wire.dice.sample(logs, len(logs))
            case Fault.LOGS_INVENTED:
                return logs + [self._invented(log) for log in logs if wire.dice.random() < 0.7]
        return logs

    def _invented(self, log: dict[str, Any]) -> dict[str, Any]:
        """A log that never was: one of ours with another position, and another number, name or job inside."""
        dice = self.wire.dice
        made = {**log, "logIndex": hex(int(log["logIndex"], 16) + 100 + dice.randrange(50))}
        body = bytearray(bytes.fromhex(log["data"][2:]))
        if body and dice.random() < 0.7:
            body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        made["data"] = "0x" + body.hex()
        return made

    def _receipt(self, receipt: Any) -> Any:
        match self.wire.fault:
            case Fault.NO_RECEIPT:
                return None
            case Fault.WRONG_RECEIPT if receipt is not None:
                return {**receipt, "status": "0x0" if receipt["status"] == "0x1" else "0x1"}
        return receipt

    def _behind(self, method: str, params: tuple[Any, ...]) -> Any:
        """A lagging node lives wholly in the past; a lying one shows an old head and answers calls of today."""
        head = int(super().rpc("eth_blockNumber"), 16)
        past = hex(max(0, head - LAG))
        if method == "eth_getBlockByNumber":
            asked = past if params[0] in ("latest", "pending") else params[0]
            return None if int(asked, 16) > int(past, 16) else super().rpc(method, asked, *params[1:])
        if self.wire.fault is Fault.OLD_HEAD:
            return self._send(params) if method == "eth_sendRawTransaction" else super().rpc(method, *params)
        if method in ("eth_call", "eth_getBalance", "eth_getTransactionCount", "eth_estimateGas"):
            return super().rpc(method, *(past if p in ("latest", "pending") else p for p in params))
        answer = self._send(params) if method == "eth_sendRawTransaction" else super().rpc(method, *params)
        if method == "eth_getTransactionReceipt" and answer and int(answer["blockNumber"], 16) > int(past, 16):
            return None
        if method == "eth_getLogs" and isinstance(answer, list):
            return [log for log in answer if int(log["blockNumber"], 16) <= int(past, 16)]
        return answer
