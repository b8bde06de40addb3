"""A job that its requester has signed for somebody else to post: no coin for gas needed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.eip712 import TypedMessage, array_hash, struct_hash
from tensorgrid.domain.encoding import canonical_json, parse_json
from tensorgrid.domain.errors import OrderUnusable, SpecInvalid
from tensorgrid.domain.jobs import TERMS_TYPE, ZERO_ADDRESS, JobId, JobTerms, board_domain
from tensorgrid.domain.offers import StandingOffer

ORDER_TYPE = "Order(JobTerms terms,address relayer,uint128 relayFee,uint40 postBy,address[] workers)" + TERMS_TYPE
VERSION = 1
MAX_ORDER_BYTES = 128 * 1024
MAX_WORKERS = 64
MAX_OFFERS = 16
MAX_SIGNATURE_BYTES = 8192
"""A wallet's has 65; a contract (ERC-1271) may want more."""

_KEYS = ("version", "chain_id", "board", "terms", "order", "signature", "offers")
_TERM_KEYS = tuple(field.name for field in fields(JobTerms))
_ORDER_KEYS = ("relayer", "relay_fee", "post_by", "workers")


@dataclass(frozen=True, slots=True)
class Order:
    """What is signed beside the terms. `relayer`: who may post it, zero: anyone. `post_by`: until when, Unix time.

    `relay_fee`: to him, in pay-token units, on top of what the terms escrow. `workers`: whose offers may be matched,
    none: anybody's.
    """

    relayer: str = ZERO_ADDRESS
    relay_fee: int = 0
    post_by: int = 0
    workers: tuple[str, ...] = ()

    def as_tuple(self) -> tuple[str, int, int, list[str]]:
        """In ABI order, for contract calls."""
        return self.relayer, self.relay_fee, self.post_by, list(self.workers)

    def message(self, terms: JobTerms, chain_id: int, board: str) -> TypedMessage:
        """What the requester signs; its digest is equal to JobBoard.orderDigest."""
        workers = array_hash(self.workers)
        members = (terms.struct_hash(), self.relayer, self.relay_fee, self.post_by, workers)
        return TypedMessage(board_domain(chain_id, board), struct_hash(ORDER_TYPE, members))


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What the requester hands to a relayer. `signature`: 65 bytes of a wallet, or what his contract wants (ERC-1271).

    `offers`: those he suggests; the relayer may pass others of the allowed workers.
    """

    chain_id: int
    board: str
    terms: JobTerms
    order: Order
    signature: bytes
    offers: tuple[StandingOffer, ...] = ()

    @property
    def id(self) -> JobId:
        """Of the job that posting it makes."""
        return self.terms.id(self.chain_id, self.board)

    def message(self) -> TypedMessage:
        """What was signed."""
        return self.order.message(self.terms, self.chain_id, self.board)

    @property
    def escrow(self) -> int:
        """What posting holds of the requester's free balance, the relayer's fee included, in pay-token units."""
        return self.terms.escrow + self.order.relay_fee

    def to_json(self) -> str:
        """One line of canonical JSON."""
        order = self.order
        return canonical_json(
            {
                "version": VERSION,
                "chain_id": self.chain_id,
                "board": self.board,
                "terms": {name: _plain(getattr(self.terms, name)) for name in _TERM_KEYS},
                "order": {
                    "relayer": order.relayer,
                    "relay_fee": str(order.relay_fee),
                    "post_by": order.post_by,
                    "workers": list(order.workers),
                },
                "signature": "0x" + self.signature.hex(),
                "offers": [offer.to_value() for offer in self.offers],
            }
        ).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> SignedOrder:
        """Parse a stranger's text; what it says is checked for shape alone. Raises OrderUnusable naming the field."""
        data = text.encode(errors="replace") if isinstance(text, str) else text
        try:
            if len(data) > MAX_ORDER_BYTES:
                raise SpecInvalid(f"an order of {len(data)} bytes, at most {MAX_ORDER_BYTES} are read")
            return _order_of(parse_json(data, "the order"))
        except SpecInvalid as error:
            raise OrderUnusable(f"this is no order: {error}; `tensorgrid order` writes one") from error


def _order_of(value: Any) -> SignedOrder:
    raw = schema.fields(value, _KEYS, "the order")
    schema.version(raw["version"], VERSION, "the order")
    order = schema.fields(raw["order"], _ORDER_KEYS, "order")
    return SignedOrder(
        chain_id=schema.integer(raw["chain_id"], 1, 2**53 - 1, "chain_id"),
        board=schema.any_address(raw["board"], "board"),
        terms=_terms_of(raw["terms"]),
        order=Order(
            relayer=schema.any_address(order["relayer"], "order.relayer"),
            relay_fee=schema.units(order["relay_fee"], 128, "order.relay_fee"),
            post_by=schema.integer(order["post_by"], 0, 2**40 - 1, "order.post_by"),
            workers=tuple(
                schema.any_address(worker, "order.workers")
                for worker in schema.listed(order["workers"], MAX_WORKERS, "order.workers")
            ),
        ),
        signature=schema.hex_bytes(raw["signature"], MAX_SIGNATURE_BYTES, "signature"),
        offers=tuple(StandingOffer.of_value(offer) for offer in schema.listed(raw["offers"], MAX_OFFERS, "offers")),
    )


def _terms_of(value: Any) -> JobTerms:
    raw = schema.fields(value, _TERM_KEYS, "terms")
    found: dict[str, Any] = {}
    for name, kind in zip(_TERM_KEYS, _kinds(), strict=True):
        what = f"terms.{name}"
        if kind == "address":
            found[name] = schema.any_address(raw[name], what)
        elif kind == "bytes32":
            found[name] = schema.bytes32(raw[name], what)
        else:
            found[name] = schema.units(raw[name], int(kind.removeprefix("uint")), what)
    return JobTerms(**found)


def _kinds() -> list[str]:
    """The terms' ABI types, in order."""
    inside = TERMS_TYPE[TERMS_TYPE.index("(") + 1 : -1]
    return [member.split(" ")[0] for member in inside.split(",")]


def _plain(value: int | str | bytes) -> str:
    """Numbers as text: they exceed what JSON's numbers hold."""
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
