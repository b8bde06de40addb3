"""What the machine's owner keeps for himself: memory, GPU memory, disk."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid_worker.policy.base import Asked, Settings, Tokens, integer, only


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that must stay free while the job runs. Of a GPU only what others use is known, not what a job will."""

    memory_bytes: int = 0
    disk_bytes: int = 0
    gpu_memory_bytes: int = 0
    name: str = "room"
    passing: bool = True

    @classmethod
    def of(cls, settings: Settings, _: Tokens) -> Room:
        only(settings, "memory_bytes", "disk_bytes", "gpu_memory_bytes")
        return cls(
            memory_bytes=integer(settings, "memory_bytes") or 0,
            disk_bytes=integer(settings, "disk_bytes") or 0,
            gpu_memory_bytes=integer(settings, "gpu_memory_bytes") or 0,
        )

    def refusal(self, asked: Asked) -> str:
        need, free = asked.need, asked.free
        memory = self.memory_bytes + (need.memory_bytes if need else 0)
        disk = self.disk_bytes + (need.input_bytes + need.output_bytes if need else 0)
        # Limits, not what is free: a figure that changes with every look would be told with every look.
        if self.memory_bytes and free.memory_bytes < memory:
            return f"{self.memory_bytes} bytes of memory are to stay free"
        if self.disk_bytes and free.disk_bytes < disk:
            return f"{self.disk_bytes} bytes of disk are to stay free"
        if self.gpu_memory_bytes and any(left < self.gpu_memory_bytes for left in free.gpu_memory_bytes):
            return f"{self.gpu_memory_bytes} bytes of each GPU are to stay free"
        return ""
