"""For whom this worker works."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tensorgrid_worker.policy.base import Asked, Settings, Tokens, only

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Requesters:
    """Lower-case addresses. `accept` empty: everybody whom `deny` does not name; who is on both is denied."""

    accept: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    name: str = "requesters"
    passing: bool = False

    @classmethod
    def of(cls, settings: Settings, _: Tokens) -> Requesters:
        only(settings, "accept", "deny")
        return cls(_addresses(settings, "accept"), _addresses(settings, "deny"))

    def refusal(self, asked: Asked) -> str:
        requester = asked.requester.lower()
        if requester in self.deny:
            return f"its requester {asked.requester} is on the list of those denied"
        if self.accept and requester not in self.accept:
            return f"its requester {asked.requester} is not on the list of those accepted"
        return ""


def _addresses(settings: Settings, name: str) -> frozenset[str]:
    values = settings.get(name, [])
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list of addresses")  # noqa: TRY004 - as Factory says
    found = frozenset(str(value).lower() for value in values)
    for address in found:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{name}: {address!r} is no address of the form 0x and 40 hex digits")
    return found
