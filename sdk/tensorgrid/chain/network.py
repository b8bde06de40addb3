"""WorkerRegistry, Reputation, Parameters and beacons: who works, how well, under which rules."""

from __future__ import annotations

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Admission, Bounds, Score, Standing, TokenRule, Values
from tensorgrid.domain.jobs import ZERO_ADDRESS, JobTerms
from tensorgrid.domain.workers import WorkerProfile

__all__ = ["ZERO_ADDRESS", "Beacon", "Parameters", "Reputation", "WorkerRegistry"]


class WorkerRegistry(Contract):
    def provider_of(self, worker: str, *, block: int | str = "latest") -> str:
        """The zero address when unknown."""
        return str(self.read("providerOf", worker, block=block))

    def registered_at(self, worker: str, *, block: int | str = "latest") -> int:
        return int(self.read("registeredAt", worker, block=block))

    def profile_of(self, worker: str, *, block: int | str = "latest") -> WorkerProfile:
        """Raises Reverted UnknownWorker."""
        return WorkerProfile(*self.read("profileOf", worker, block=block))

    def standing(self, worker: str, *, block: int | str = "latest") -> Standing:
        return Standing(*self.read("standing", worker, block=block))

    def consent_digest(self, worker: str, provider: str, *, block: int | str = "latest") -> bytes:
        """What the worker's key signs to belong to `provider`, 32 bytes."""
        return bytes(self.read("consentDigest", worker, provider, block=block))

    def register(self, worker: str, profile: WorkerProfile, consent: bytes) -> Call:
        """By the provider; `consent`: the worker's signature of `consent_digest`, 65 bytes, or empty for oneself."""
        return self.build("register", worker, profile.as_tuple(), consent)

    def update(self, worker: str, profile: WorkerProfile) -> Call:
        """By the provider."""
        return self.build("update", worker, profile.as_tuple())

    def reclass(self, hardware_class: bytes, capability: int, price: int) -> Call:
        """By the worker's hot key, for later jobs. `capability`: thousandths of the class's reference."""
        return self.build("reclass", hardware_class, capability, price)

    def beat(self, capability: int) -> Call:
        """By the worker's hot key: a sign of life, an event and no storage."""
        return self.build("beat", capability)


class Reputation(Contract):
    def points_of(self, reporter: str, worker: str, *, block: int | str = "latest") -> int:
        """Decayed to now. Jobs are reported by the board."""
        return int(self.read("pointsOf", reporter, worker, block=block))

    def score_of(self, reporter: str, worker: str, *, block: int | str = "latest") -> Score:
        return Score(*self.read("scoreOf", reporter, worker, block=block))

    def half_life(self, *, block: int | str = "latest") -> int:
        """Seconds."""
        return int(self.read("HALF_LIFE", block=block))


class Parameters(Contract):
    """Writers are the AccessManager's, which the deployer holds until there is governance."""

    def version(self, *, block: int | str = "latest") -> int:
        """Rises with every change; 0 while new jobs are paused."""
        return int(self.read("version", block=block))

    def boards(self, *, block: int | str = "latest") -> tuple[str, ...]:
        """Those that are told of every new version; on others nothing can be posted."""
        return tuple(self.read("boards", block=block))

    def admit(self, terms: JobTerms, board: str, *, block: int | str = "latest") -> Admission:
        """As `board` would ask when the terms are posted. Raises Reverted naming what does not fit this network."""
        return Admission(*self.read("admit", terms.as_tuple(), block=block, sender=board))

    def bounds(self, *, block: int | str = "latest") -> Bounds:
        return Bounds(*self.read("bounds", block=block))

    def values(self, *, block: int | str = "latest") -> Values:
        return Values(*self.read("values", block=block))

    def token_rule(self, token: str, *, block: int | str = "latest") -> TokenRule:
        return TokenRule(*self.read("tokenRule", token, block=block))

    def scheduler_allowed(self, scheduler: str, *, block: int | str = "latest") -> bool:
        return bool(self.read("schedulerAllowed", scheduler, block=block))

    def verifier_allowed(self, verifier: str, *, block: int | str = "latest") -> bool:
        return bool(self.read("verifierAllowed", verifier, block=block))

    def class_allowed(self, hardware_class: bytes, *, block: int | str = "latest") -> bool:
        return bool(self.read("classAllowed", hardware_class, block=block))

    def max_life(self, *, block: int | str = "latest") -> int:
        """Seconds that any job can last."""
        return int(self.read("MAX_LIFE", block=block))

    def reopen_time(self, *, block: int | str = "latest") -> int:
        """Seconds after the work deadline in which a job may be opened again, and then wait for takers."""
        return int(self.read("REOPEN_TIME", block=block))

    def set_values(self, values: Values) -> Call:
        return self.build("setValues", (values.fee_bps, values.min_stake, values.min_no_show_bond, values.paused))

    def pause(self) -> Call:
        """No new jobs; everything posted goes on."""
        return self.build("pause")

    def unpause(self) -> Call:
        return self.build("unpause")

    def set_token(self, token: str, rule: TokenRule) -> Call:
        return self.build("setToken", token, (rule.max_escrow, rule.score_weight))


class Beacon(Contract):
    def next(self, *, block: int | str = "latest") -> int:
        """The nearest round whose value nobody can know yet."""
        return int(self.read("next", block=block))

    def schedule(self, *, block: int | str = "latest") -> tuple[int, int, int]:
        """Time or block of round 0, seconds per round (0: a round is a block), rounds between now and `next`."""
        origin, period, ahead = self.read("schedule", block=block)
        return int(origin), int(period), int(ahead)

    def is_due(self, number: int, *, block: int | str = "latest") -> bool:
        """Whether the value of round `number` is fixed by now; a draw that named it can no longer be cancelled."""
        return bool(self.read("isDue", number, block=block))

    def value_of(self, number: int, *, block: int | str = "latest") -> bytes:
        """The value of a due round, stored or not; 32 zero bytes while or when it cannot be had."""
        return bytes(self.read("valueOf", number, block=block))

    def store(self, number: int, proof: bytes = b"") -> Call:
        """By anyone, once due: keep its value for good."""
        return self.build("store", number, proof)
