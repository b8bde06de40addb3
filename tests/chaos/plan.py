"""What happens in one run, out of its seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

PATIENCE_OF_THE_WORLD = 14
"""Ticks that a fault may last: less than the clocks of the devnet leave, so that it may cost time and nothing else."""


class Tier(StrEnum):
    REPLICATE = "replicate"
    ACCEPT = "accept"


class Fault(StrEnum):
    NONE = "none"
    RPC_DOWN = "rpc down"
    RPC_LAGS = "rpc lags"
    OLD_HEAD = "rpc lies: old head"
    LOGS_DROPPED = "rpc lies: drops logs"
    LOGS_TWICE = "rpc lies: repeats logs"
    LOGS_SHUFFLED = "rpc lies: reorders logs"
    LOGS_INVENTED = "rpc lies: invents logs"
    NO_RECEIPT = "rpc lies: no receipt"
    WRONG_RECEIPT = "rpc lies: wrong receipt"
    RPC_LIMITS = "rpc limits"
    REORG = "reorg"
    TX_DROPPED = "transaction dropped"
    NONCE_CLASH = "nonce clash"
    STORE_DOWN = "store down"
    STORE_SLOW = "store slow"
    STORE_WRONG = "store sends wrong bytes"
    DISK_FULL = "disk full"
    CLOCK_SKEW = "clock skew"
    JOURNAL_LOST = "journal lost"
    SILENT_TAKERS = "other seats are not taken"
    SILENT_COMMITS = "another seat does not commit"
    SILENT_REVEALS = "another seat does not reveal"
    OTHER_ANSWER = "another seat answers differently"
    SILENT_REQUESTER = "requester silent"


MIXED = tuple(fault for fault in Fault if fault is not Fault.NONE)
OF_OTHERS = {Fault.SILENT_TAKERS, Fault.SILENT_COMMITS, Fault.SILENT_REVEALS, Fault.OTHER_ANSWER}


@dataclass(frozen=True, slots=True)
class Plan:
    """`places`: where the worker dies, counted in places passed since its (re)start. Ticks are blocks of the chain."""

    seed: int
    tier: Tier
    fault: Fault
    begins: int
    lasts: int
    depth: int  # of a reorganisation
    places: tuple[int, ...]

    def __str__(self) -> str:
        died = ", ".join(map(str, self.places))
        return f"seed {self.seed}: {self.tier}, {self.fault} at tick {self.begins} for {self.lasts}, dies at {died}"


def plan_of(seed: int, places: dict[Tier, int]) -> Plan:
    """`places`: how many a life without faults passes, by tier. Over a row of seeds each of them is chosen in turn."""
    dice = random.Random(f"tensorgrid chaos {seed}")
    tier = Tier.ACCEPT if seed % 3 == 2 else Tier.REPLICATE
    turn = seed // 3 if tier is Tier.ACCEPT else seed - seed // 3
    first = turn % max(1, places[tier])
    fault = Fault.NONE if dice.random() < 0.15 else dice.choice(MIXED)
    if tier is Tier.ACCEPT and fault in OF_OTHERS:
        fault = Fault.SILENT_REQUESTER
    again = tuple(dice.randrange(places[tier]) for _ in range(dice.choice((0, 0, 0, 1, 1, 2))))
    lasts = dice.randint(1, PATIENCE_OF_THE_WORLD // 2)
    return Plan(seed, tier, fault, dice.randint(0, 14), lasts, dice.randint(1, 20), (first, *again))
