"""What verify="audit" asks of a job's terms: how it is cut, how long everybody has, what replaying costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tensorgrid.chain.deployments import AuditProposal, JobClocks
from tensorgrid.domain.audit_terms import MOST_SEGMENTS, AuditTerms
from tensorgrid.domain.errors import NotAuditable, SpecInvalid
from tensorgrid.domain.jobs import BPS_WHOLE
from tensorgrid.domain.specs import MAX_EVERY

SEGMENTS = 100
"""A worker who leaves one of so many out saves a hundredth of the work, and risks his whole stake for it."""
DRAWN, AUDITORS = 2, 2
AUDIT_BPS, REAUDIT_BPS = 15_000, 500
OTHERS = 8
"""Providers that could replay a worker's segments, where the network proposes no number: fewer could be one person."""
START_SECONDS = 30
"""Of one auditor's share: fetching and opening the states, starting the sandbox."""
MOVES = 3
"""How often a party of a dispute may take as long as the longest replay."""
MOST_OVERHEAD_BPS = 500
"""Of the price, what gas may cost."""
LEAST_ITEMS, ITEM_SHARE = 20, 50
"""Of a batch's slice, drawn items: so many, or one in so many where that is more."""
MOST_DRAWN = 64
"""Of the first sitting, by all auditors: the contract's limit."""
AUDITED_JOB_GAS = 1_100_000
"""All transactions of all parties of a clean audit, their first time, rounded up; tests hold it against the bench's."""


@dataclass(frozen=True, slots=True)
class Handing:
    """Of a private job. seconds: that the requester has to hand the key, None: as long as the network gives a worker to
    answer. share: percent of his price for a worker who is handed none."""

    seconds: int | None = None
    share: int = 10

    def added_to(self, plan: AuditTerms, work_seconds: int, usual: int) -> AuditTerms:
        """`work_seconds`: of the work time without it. `usual`: seconds that the network gives to answer. Raises
        SpecInvalid."""
        wrap = min(usual, work_seconds) if self.seconds is None else self.seconds
        if wrap > work_seconds:
            raise SpecInvalid(f"wrap_within is {wrap} s, longer than the work itself may take; give {work_seconds} s")
        if type(self.share) is not int or not 0 <= self.share <= 100:
            raise SpecInvalid(f"missed_share is {self.share!r}; give a whole percentage from 0 to 100")
        return replace(plan, wrap_time=wrap, share_bps=self.share * 100)


LIKE_THE_NETWORK = Handing()


def proposal_or_cautious(proposed: AuditProposal | None, clocks: JobClocks) -> AuditProposal:
    """The network's own; else what the tier was designed with, and the clocks of its other tiers."""
    if proposed is not None:
        return proposed
    return AuditProposal(
        respond=clocks.reveal,
        take=clocks.extra_take,
        audit=0,
        move=0,
        segments=SEGMENTS,
        drawn=DRAWN,
        auditors=AUDITORS,
        audit_bps=AUDIT_BPS,
        reaudit_bps=REAUDIT_BPS,
        others=OTHERS,
    )


def of_slice(proposed: AuditProposal, items: int) -> AuditProposal:
    """What is proposed for a slice of so many items, each of which is a segment: enough of them are drawn that whoever
    fakes a tenth of a hundred is found out nine times in ten. Raises NotAuditable."""
    wanted = max(LEAST_ITEMS, -(-items // ITEM_SHARE))
    drawn = -(-wanted // proposed.auditors)
    first = drawn * proposed.auditors
    if first > MOST_DRAWN or items > MOST_SEGMENTS:
        raise NotAuditable(f"{items} items in one slice ask for more draws than an audit has; use more workers=")
    return replace(proposed, drawn=drawn, segments=2 * first)


def check_slices(proposed: AuditProposal, count: int, slices: int) -> None:
    """Before anything is packed: that each slice can be audited. Raises NotAuditable, which says what would fit."""
    least = 2 * -(-LEAST_ITEMS // proposed.auditors) * proposed.auditors
    most = min(MOST_SEGMENTS, MOST_DRAWN // proposed.auditors * proposed.auditors * ITEM_SHARE)
    if count < least:
        raise NotAuditable(f'{count} items are too few to be audited, {least} are needed; choose verify="replicate"')
    if count // slices < least:
        raise NotAuditable(
            f"{count} items over {slices} workers are {count // slices} each, and an audit draws among {least} at "
            f'least; use workers={count // least} at most, or choose verify="replicate"'
        )
    if -(-count // slices) > most:
        raise NotAuditable(
            f"{count} items over {slices} workers are {-(-count // slices)} each, above the {most} that an audit can "
            f"draw enough of; use workers={-(-count // most)} or more"
        )


def every_of(steps: int | None, every: int | None) -> int:
    """Calls of tg.checkpoint per segment: as asked, or so many that there are at least SEGMENTS segments.

    Raises SpecInvalid without `steps`, NotAuditable when one segment cannot be short enough.
    """
    total = _whole(steps, "steps")
    if every is not None:
        return _whole(every, "checkpoint_every")
    found = max(1, total // SEGMENTS)
    if found > MAX_EVERY:
        raise NotAuditable(
            f"{total} steps make segments of {found}, at most {MAX_EVERY} fit; call tg.checkpoint less often"
        )
    return found


def audit_terms_for(
    proposed: AuditProposal, steps: int | None, every: int, wall_seconds: int, least_clock: int
) -> AuditTerms:
    """`least_clock`: seconds that this network wants every clock to give at least. Raises SpecInvalid, NotAuditable."""
    total = _whole(steps, "steps")
    segments = -(-total // every)
    if total < proposed.segments:
        raise NotAuditable(
            f"{total} calls of tg.checkpoint are too few to be audited, {proposed.segments} are needed; call it more "
            'often, or choose verify="replicate"'
        )
    if segments < proposed.segments:
        raise NotAuditable(
            f"{total} steps in pieces of {every} make {segments} segments, and an audit draws among "
            f"{proposed.segments} at least; lower checkpoint_every to {total // proposed.segments}, or choose "
            'verify="replicate"'
        )
    if segments > MOST_SEGMENTS:
        least = -(-total // MOST_SEGMENTS)
        raise NotAuditable(
            f"{segments} segments are too many, at most {MOST_SEGMENTS}; use checkpoint_every={least} or more"
        )
    share, longest = (_replay_seconds(count, segments, wall_seconds) for count in (proposed.drawn, 1))
    audit = max(share, proposed.audit, least_clock)
    # Whoever has lost his kept states must be able to run the whole job once more: workers refuse other terms.
    again = wall_seconds + START_SECONDS - audit
    return AuditTerms(
        respond_time=max(again, usual_respond(proposed, least_clock)),
        take_time=max(proposed.take, least_clock),
        audit_time=audit,
        move_time=max(MOVES * longest, proposed.move, least_clock),
        segments=segments,
        drawn=proposed.drawn,
        auditors=proposed.auditors,
        audit_bps=proposed.audit_bps,
        reaudit_bps=proposed.reaudit_bps,
        steps=every,
    )


def usual_respond(proposed: AuditProposal, least_clock: int) -> int:
    """Seconds that this network gives to answer, where the job's length does not ask for more."""
    return max(proposed.respond, least_clock)


def reserve_bps(plan: AuditTerms) -> int:
    """What all auditors together can earn, of the price, rounded up; as AuditVerifier.needs asks."""
    return -(-plan.reserved * plan.audit_bps // plan.segments)


def check_gas(gas: int, gas_price: int, coin_units: int, price: int) -> None:
    """`gas_price` in wei, `coin_units`: what 1e18 wei cost in units of the pay token. Raises NotAuditable."""
    cost = gas * gas_price * coin_units // 10**18
    if cost * BPS_WHOLE > price * MOST_OVERHEAD_BPS:
        share, most = cost / price if price else 0, MOST_OVERHEAD_BPS / BPS_WHOLE
        raise NotAuditable(
            f"the gas of an audited job would cost {share:.0%} of its price, above {most:.0%}: put more work into one "
            'job, or choose verify="accept", which needs a fraction of it, and check the result yourself'
        )


def _replay_seconds(count: int, segments: int, wall_seconds: int) -> int:
    """Half as much again as `count` segments took, when the whole took all its time."""
    return START_SECONDS - (-3 * count * wall_seconds // (2 * segments))


def _whole(value: object, name: str) -> int:
    if value is None:
        raise SpecInvalid(f'verify="audit" needs {name}=: how often the function calls tg.checkpoint in all')
    if type(value) is not int or value < 1:
        raise SpecInvalid(f"{name} is {value!r}; give a whole number of at least 1")
    return value
