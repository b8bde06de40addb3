"""Which posted jobs this worker wants at all, by their terms alone: before a byte is fetched."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.chain.deployments import Deployment
from tensorgrid.domain.errors import UnknownToken
from tensorgrid.domain.jobs import JobTerms, ReplicationClocks, hardware_class
from tensorgrid_worker.config import ConfigInvalid, WorkerConfig

MOST_LEAST_STAKES = 10
"""Unless told otherwise, a worker risks so many times the least stake of its network in one job."""

ACCEPTANCE = "AcceptanceVerifier"


@dataclass(frozen=True, slots=True)
class Gate:
    """The worker's own terms of trade. Addresses are checksummed."""

    tokens: frozenset[str]
    scheduler: str
    verifier: str
    hardware_class: bytes
    class_name: str
    min_price: int
    max_stake: int
    min_reveal_seconds: int = 0
    acceptance: str = ""  # the verifier of the tier in which silence is consent; empty: the network has none

    @classmethod
    def of(cls, config: WorkerConfig, deployment: Deployment, least_stake: int) -> Gate:
        """`least_stake`: what the network asks of every job, stake-token units.

        Raises ConfigInvalid for a token that the deployment does not know.
        """
        try:
            chosen = [deployment.token(name) for name in config.accepted_tokens] or deployment.tokens
        except UnknownToken as error:
            raise ConfigInvalid(f"accepted_tokens: {error}") from error
        return cls(
            tokens=frozenset(token.address for token in chosen),
            scheduler=deployment.address("LotteryScheduler"),
            verifier=deployment.address("ReplicationVerifier"),
            hardware_class=hardware_class(config.hardware_class),
            class_name=config.hardware_class,
            min_price=config.min_price,
            max_stake=config.max_stake or MOST_LEAST_STAKES * least_stake,
            min_reveal_seconds=config.min_reveal_seconds,
            acceptance=deployment.address(ACCEPTANCE) if ACCEPTANCE in deployment.contracts else "",
        )

    def refusal(self, terms: JobTerms, me: str) -> str:
        """Why not, in words; empty when the terms will do."""
        if terms.pay_token not in self.tokens:
            return f"it pays in {terms.pay_token}, which this worker does not accept"
        if terms.scheduler != self.scheduler or terms.verifier not in {self.verifier, self.acceptance}:
            return "it names a scheduler or verifier that this worker does not know"
        if terms.hardware_class != self.hardware_class:
            return f"it wants other hardware than {self.class_name!r}"
        if terms.price < self.min_price:
            return f"it pays {terms.price}, this worker works for {self.min_price} and up"
        if self.max_stake and terms.stake > self.max_stake:
            return f"it locks {terms.stake} of stake, this worker risks {self.max_stake} at most"
        clocks = ReplicationClocks.unpack(terms.verifier_params)
        reveal = clocks.reveal_time + clocks.grace
        if terms.verifier == self.verifier and reveal < self.min_reveal_seconds:
            return f"it gives {reveal} s to reveal, and silence costs the stake: {self.min_reveal_seconds} s at least"
        return "it is our own" if terms.requester == me else ""
