"""A worker's signed readiness to take one-seat jobs, matched in the transaction that posts one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.eip712 import Signature, SigningDomain, TypedMessage, struct_hash
from tensorgrid.domain.encoding import canonical_json, parse_json
from tensorgrid.domain.errors import OfferUnusable, SpecInvalid

OFFER_TYPE = (
    "Offer(bytes32 hardwareClass,address payToken,uint128 minPrice,uint32 maxWall,uint128 maxStake,uint40 expiry,"
    "uint64 epoch)"
)
DOMAIN_NAME, DOMAIN_VERSION = "tensorgrid offers", "1"
VERSION = 1
MAX_OFFER_BYTES = 4096

_KEYS = (
    "version worker chain_id scheduler hardware_class pay_token min_price max_wall max_stake expiry epoch signature"
).split()


@dataclass(frozen=True, slots=True)
class Offer:
    """What travels to the board. Money in units, `max_wall` in seconds of work time, `expiry` a Unix time.

    Hardware class and token are those of the terms it is passed with, the worker is whom the signature recovers to.
    """

    min_price: int
    max_wall: int
    max_stake: int
    expiry: int
    epoch: int
    signature: Signature

    def as_tuple(self) -> tuple[object, ...]:
        """In ABI order, for contract calls."""
        bounds = (self.min_price, self.max_wall, self.max_stake, self.expiry, self.epoch)
        return *bounds, self.signature.as_tuple()


def offer_digest(hardware_class: bytes, pay_token: str, offer: Offer, chain_id: int, scheduler: str) -> bytes:
    """What the worker signs, 32 bytes, equal to IOfferScheduler.offerDigest; the offer's signature plays no part."""
    return _message(hardware_class, pay_token, offer, chain_id, scheduler).digest


def _message(hardware_class: bytes, pay_token: str, offer: Offer, chain_id: int, scheduler: str) -> TypedMessage:
    bounds = (offer.min_price, offer.max_wall, offer.max_stake, offer.expiry, offer.epoch)
    domain = SigningDomain(DOMAIN_NAME, DOMAIN_VERSION, chain_id, scheduler)
    return TypedMessage(domain, struct_hash(OFFER_TYPE, [hardware_class, pay_token, *bounds]))


@dataclass(frozen=True, slots=True)
class StandingOffer:
    """An offer as it is handed from the worker to requesters: with all that its signature covers.

    `worker` is what the sender says; only the signature shows it (chain.signing.signer_of).
    """

    worker: str
    chain_id: int
    scheduler: str
    hardware_class: bytes
    pay_token: str
    offer: Offer

    def message(self) -> TypedMessage:
        """What the worker has signed."""
        return _message(self.hardware_class, self.pay_token, self.offer, self.chain_id, self.scheduler)

    def to_json(self) -> str:
        """One line of canonical JSON."""
        return canonical_json(self.to_value()).decode()

    def to_value(self) -> dict[str, Any]:
        """What JSON shows: money as text, since it exceeds what JSON's numbers hold."""
        offer = self.offer
        return {
            "version": VERSION,
            "worker": self.worker,
            "chain_id": self.chain_id,
            "scheduler": self.scheduler,
            "hardware_class": "0x" + self.hardware_class.hex(),
            "pay_token": self.pay_token,
            "min_price": str(offer.min_price),
            "max_wall": offer.max_wall,
            "max_stake": str(offer.max_stake),
            "expiry": offer.expiry,
            "epoch": str(offer.epoch),
            "signature": {"r": "0x" + offer.signature.r.hex(), "vs": "0x" + offer.signature.vs.hex()},
        }

    @classmethod
    def from_json(cls, text: str | bytes) -> StandingOffer:
        """Parse a stranger's text; what it says is checked for shape alone. Raises OfferUnusable naming the field."""
        data = text.encode(errors="replace") if isinstance(text, str) else text
        try:
            if len(data) > MAX_OFFER_BYTES:
                raise SpecInvalid(f"an offer of {len(data)} bytes, at most {MAX_OFFER_BYTES} are read")
            return cls.of_value(parse_json(data, "the offer"))
        except SpecInvalid as error:
            raise OfferUnusable(f"this is no offer: {error}; `tensorgrid-worker offer` prints one") from error

    @classmethod
    def of_value(cls, value: Any) -> StandingOffer:
        """From parsed JSON. Raises SpecInvalid."""
        raw = schema.fields(value, _KEYS, "the offer")
        schema.version(raw["version"], VERSION, "the offer")
        signature = schema.fields(raw["signature"], ("r", "vs"), "signature")
        return cls(
            worker=schema.any_address(raw["worker"], "worker"),
            chain_id=schema.integer(raw["chain_id"], 1, 2**53 - 1, "chain_id"),
            scheduler=schema.any_address(raw["scheduler"], "scheduler"),
            hardware_class=schema.bytes32(raw["hardware_class"], "hardware_class"),
            pay_token=schema.any_address(raw["pay_token"], "pay_token"),
            offer=Offer(
                min_price=schema.units(raw["min_price"], 128, "min_price"),
                max_wall=schema.integer(raw["max_wall"], 0, 2**32 - 1, "max_wall"),
                max_stake=schema.units(raw["max_stake"], 128, "max_stake"),
                expiry=schema.integer(raw["expiry"], 0, 2**40 - 1, "expiry"),
                epoch=schema.units(raw["epoch"], 64, "epoch"),
                signature=Signature(
                    schema.bytes32(signature["r"], "signature.r"), schema.bytes32(signature["vs"], "signature.vs")
                ),
            ),
        )
