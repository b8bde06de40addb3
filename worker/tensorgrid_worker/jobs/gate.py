"""Which posted jobs this worker wants at all: the network's own conditions, then the owner's policies.

Asked twice: about the terms, before a byte is fetched, and about the spec, before its inputs are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tensorgrid.chain.deployments import Deployment
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import UnknownToken
from tensorgrid.domain.jobs import BPS_WHOLE, JobTerms, ReplicationClocks, hardware_class
from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.config import ConfigInvalid, WorkerConfig
from tensorgrid_worker.keys import IDENTITY
from tensorgrid_worker.policy.base import Asked, Free, Need, Refusal
from tensorgrid_worker.policy.free import FreeReader
from tensorgrid_worker.policy.house import House

MOST_LEAST_STAKES = 10
"""Unless told otherwise, a worker risks so many times the least stake of its network in one job."""

REMAKE_MARGIN_SECONDS = 30
"""Of making states again, beside the job's own time: starting the sandbox, sealing, storing, being mined."""
ACCEPTANCE, AUDITS = "AcceptanceVerifier", "AuditVerifier"
BPS_PERCENT = BPS_WHOLE // 100
NETWORK = "network"
"""As whose refusal it counts when no policy was asked."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The worker's own terms of trade. Addresses are checksummed."""

    tokens: frozenset[str]
    draws: Callable[[str], bool]  # whether a scheduler is known, and gives seats that can be taken
    verifier: str
    hardware_class: bytes
    class_name: str
    house: House
    free: Callable[[], Free]
    min_reveal_seconds: int = 0
    min_missed_share: int = 0  # percent of a private job's price that its worker gets who was handed no key
    acceptance: str = ""  # the verifier of the tier in which silence is consent; empty: the network has none
    audits: str = ""  # the verifier of the audit tier; empty: the network has none, or this worker keeps out
    private: bool = False  # whether job keys can be opened here

    @classmethod
    def of(cls, config: WorkerConfig, deployment: Deployment, least_stake: int, draws: Callable[[str], bool]) -> Gate:
        """`least_stake`: what the network asks of every job, stake-token units. `draws`: as Schedulers has it.

        Raises ConfigInvalid for a token that the deployment does not know and for a policy that cannot be made.
        """
        try:
            chosen = [deployment.token(name) for name in config.accepted_tokens] or deployment.tokens
        except UnknownToken as error:
            raise ConfigInvalid(f"accepted_tokens: {error}") from error
        house = House.of(
            config.policy,
            {token.symbol: token.address for token in deployment.tokens},
            min_price=config.min_price,
            max_stake=config.max_stake or MOST_LEAST_STAKES * least_stake or None,
        )
        return cls(
            tokens=frozenset(token.address for token in chosen),
            draws=draws,
            verifier=deployment.address("ReplicationVerifier"),
            hardware_class=hardware_class(config.hardware_class),
            class_name=config.hardware_class,
            house=house,
            free=FreeReader(config.home, _gpu_memory(config.gpu) if config.policy else tuple),
            min_reveal_seconds=config.min_reveal_seconds,
            min_missed_share=config.min_missed_share,
            acceptance=deployment.address(ACCEPTANCE) if ACCEPTANCE in deployment.contracts else "",
            audits=deployment.address(AUDITS) if config.audited_jobs and AUDITS in deployment.contracts else "",
            private="KeyBox" in deployment.contracts and (config.home / IDENTITY).exists(),
        )

    def refusal(self, terms: JobTerms, me: str, *, auditor: bool = False) -> str:
        """Why not, in words; empty when the terms will do. Begins with NOT_NOW when it is worth asking again.

        `auditor`: of an audited job, whose worker has his seat already.
        """
        if words := self._network_refusal(terms, me):
            return words
        if not auditor and (words := self._unpaid_handing(terms)):
            return words
        found = self.house.refusal(self._asked(terms, None, auditor=auditor))
        return str(found) if found else ""

    def _unpaid_handing(self, terms: JobTerms) -> str:
        """Of a private job: a requester who hands no key has had this worker's seat and stake for so much."""
        plan = AuditTerms.unpack(terms.verifier_params)
        least = self.min_missed_share * BPS_PERCENT
        if terms.verifier != self.audits or not plan.private or plan.share_bps >= least:
            return ""
        paid = plan.share_bps / BPS_PERCENT
        return f"it pays {paid:g} % where no key is handed, this worker waits for {self.min_missed_share} % and up"

    def least_price(self, token: str) -> int:
        return self.house.least_price(token)

    @property
    def max_stake(self) -> int:
        return self.house.most_stake()

    def judge(self, terms: JobTerms, spec: JobSpec) -> Refusal | None:
        """What the policies say once the spec has been read; None when they want the job."""
        if words := self._audit_refusal(terms, spec):
            return Refusal(NETWORK, words)
        return self.house.refusal(self._asked(terms, spec))

    def _audit_refusal(self, terms: JobTerms, spec: JobSpec) -> str:
        """Why a spec does not fit the audit that its terms name: such a run could not be opened."""
        audited, cut = terms.verifier == self.audits, spec.checkpoint
        if audited != (cut is not None):
            return "its spec and its terms do not agree on whether it is audited"
        if (spec.private is not None) != (audited and AuditTerms.unpack(terms.verifier_params).private):
            return "its spec and its terms do not agree on whether it is private"
        if cut is not None and cut.every != AuditTerms.unpack(terms.verifier_params).steps:
            return f"its spec cuts it every {cut.every} steps, its terms say something else"
        return _unservable(terms, spec) if audited else ""

    def _network_refusal(self, terms: JobTerms, me: str) -> str:
        if terms.pay_token not in self.tokens:
            return f"it pays in {terms.pay_token}, which this worker does not accept"
        if terms.verifier not in {self.verifier, self.acceptance, self.audits} or not self.draws(terms.scheduler):
            return "it names a scheduler or verifier that this worker does not know"
        if terms.hardware_class != self.hardware_class:
            return f"it wants other hardware than {self.class_name!r}"
        clocks = ReplicationClocks.unpack(terms.verifier_params)
        reveal = clocks.reveal_time + clocks.grace
        if terms.verifier == self.verifier and reveal < self.min_reveal_seconds:
            return f"it gives {reveal} s to reveal, and silence costs the stake: {self.min_reveal_seconds} s at least"
        answer = AuditTerms.unpack(terms.verifier_params).respond_time
        if terms.verifier == self.audits and answer < self.min_reveal_seconds:
            return f"it gives {answer} s to answer, and silence costs the stake: {self.min_reveal_seconds} s at least"
        if terms.verifier == self.audits and AuditTerms.unpack(terms.verifier_params).private and not self.private:
            return "it is private, and this worker has no identity.age that keys could be sealed to"
        return "it is our own" if terms.requester == me else ""

    def _asked(self, terms: JobTerms, spec: JobSpec | None, *, auditor: bool = False) -> Asked:
        # A share of the job for a share of its price: what it would come to for the whole is what the floor is about.
        scale = AuditTerms.unpack(terms.verifier_params).audit_bps if auditor else BPS_WHOLE
        return Asked(
            requester=terms.requester,
            pay_token=terms.pay_token,
            price=terms.price * scale // BPS_WHOLE,
            value=terms.price * terms.workers + terms.reserve,
            stake=terms.stake,
            seats=terms.workers,
            work_seconds=terms.work_time,
            settle_seconds=terms.settle_time,
            now=datetime.now(UTC),
            free=self.free(),
            need=None if spec is None else _need(spec),
        )


def _unservable(terms: JobTerms, spec: JobSpec) -> str:
    """Why a worker could not keep his stake whatever his job's code does to the states that he keeps: all that is asked
    of him then takes one run of the whole job."""
    given = AuditTerms.unpack(terms.verifier_params).answer_time
    worst = spec.resources.wall_seconds + REMAKE_MARGIN_SECONDS
    if given >= worst:
        return ""
    return f"it gives {given} s to make lost states again, and silence costs the stake: that may take {worst} s"


def _need(spec: JobSpec) -> Need:
    wanted = spec.resources
    return Need(
        wall_seconds=wanted.wall_seconds,
        memory_bytes=wanted.memory_bytes,
        output_bytes=wanted.output_bytes,
        input_bytes=spec.input_bytes,
        gpus=wanted.gpus,
        threads=wanted.threads,
    )


def _gpu_memory(wanted: str) -> Callable[[], tuple[int, ...]]:
    """Reads what is free on this worker's own GPUs. Raises GpuMissing."""
    from tensorgrid_worker import hardware
    from tensorgrid_worker.gpu_readings import gpu_readings

    ours = {gpu.index for gpu in hardware.chosen(hardware.gpus(), wanted)}
    return lambda: tuple(found.free_bytes for found in gpu_readings() if found.index in ours)
