"""The smallest policy there is: it wants every job. A pattern for one of your own."""

from __future__ import annotations

from tensorgrid_worker.policy.base import Asked, Settings, Tokens, only


class Anything:
    name = "anything"
    passing = False

    @classmethod
    def of(cls, settings: Settings, _: Tokens) -> Anything:
        only(settings)
        return cls()

    def refusal(self, asked: Asked) -> str:  # noqa: ARG002 - the protocol's signature
        return ""
