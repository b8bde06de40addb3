"""How large a job may be."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid_worker.policy.base import Asked, Settings, Tokens, integer, only


@dataclass(frozen=True, slots=True)
class JobSize:
    """None: no limit of this policy's. Stake in units of the stake token, value in those of the payment token."""

    stake: int | None = None
    value: int | None = None
    wall_seconds: int | None = None
    memory_bytes: int | None = None
    name: str = "size"
    passing: bool = False

    @classmethod
    def of(cls, settings: Settings, _: Tokens, stake: int | None = None) -> JobSize:
        """`stake`: the limit where the settings name none."""
        only(settings, "stake", "value", "wall_seconds", "memory_bytes")
        named = integer(settings, "stake")
        return cls(
            stake=stake if named is None else named,
            value=integer(settings, "value"),
            wall_seconds=integer(settings, "wall_seconds", 1),
            memory_bytes=integer(settings, "memory_bytes", 1),
        )

    def refusal(self, asked: Asked) -> str:
        if self.stake is not None and asked.stake > self.stake:
            return f"it locks {asked.stake} of stake, this worker risks {self.stake} at most"
        if self.value is not None and asked.value > self.value:
            return f"it is worth {asked.value}, this worker takes jobs of {self.value} at most"
        need = asked.need
        if need is None:
            return ""
        if self.wall_seconds is not None and need.wall_seconds > self.wall_seconds:
            return f"it may run for {need.wall_seconds} s, this worker gives {self.wall_seconds} s at most"
        if self.memory_bytes is not None and need.memory_bytes > self.memory_bytes:
            return f"it wants {need.memory_bytes} bytes of memory, this worker gives {self.memory_bytes} at most"
        return ""
