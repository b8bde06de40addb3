"""Audited jobs for whoever orders one: what is asked, what it costs, what is refused, and what its events tell."""

from dataclasses import replace
from json import dumps, loads
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.chain.bisection import Match, Span, Stage
from tensorgrid.chain.deployments import REQUIRED, AuditProposal, Deployment, JobClocks
from tensorgrid.chain.dispute_history import Position
from tensorgrid.chain.events import (
    Accused,
    Answered,
    AuditBegun,
    AuditClean,
    ClaimsFallen,
    Confirmed,
    Declined,
    DisputeOpened,
    JobExpired,
    JobPosted,
    JobSealed,
    JobSettled,
    JobTaken,
    LogRef,
    Served,
    SittingOpened,
    WorkerSettled,
)
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.audits import Answer, AuditOpening, ClaimState
from tensorgrid.domain.errors import (
    AuditFailed,
    InsufficientFunds,
    JobNotTaken,
    NotAuditable,
    NotAudited,
    ResultRejected,
    SpecInvalid,
    WorkersSilent,
)
from tensorgrid.domain.jobs import ExitClass, Fault, JobId, JobState, JobTerms
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.results import result_root
from tensorgrid.ordering.auditing import (
    AUDITED_JOB_GAS,
    audit_terms_for,
    check_gas,
    every_of,
    proposal_or_cautious,
    reserve_bps,
)
from tensorgrid.ordering.options import JobOptions
from tensorgrid.ordering.packing import pack
from tensorgrid.ordering.posting import clocks_for
from tensorgrid.ordering.terms import audited_prices, estimate_of
from tensorgrid.parameters import NetworkParameters
from tensorgrid.privacy import Identity
from tensorgrid.runs.audit import raise_unless_clean, raise_unless_delivered, report_of
from tensorgrid.runs.audit_story import Doubt
from tensorgrid.runs.closing import _audit_may_move
from tensorgrid.runs.story import fold
from tensorgrid_worker.jobs.gate import REMAKE_MARGIN_SECONDS

USDC = Token("0x" + "22" * 20, "USDC", 6)
ZERO, AUDIT = "0x" + "00" * 20, "0x" + "ad" * 20
WORKERS = ["0x" + f"{n:02x}" * 20 for n in (0xA1, 0xA2, 0xA3, 0xA4, 0xA5)]
JOB = JobId(bytes(range(32)))
CLOCKS = JobClocks(12, 8, 8, 10)
PROPOSED = AuditProposal(20, 12, 40, 120, 100, 2, 2, 15_000, 500, 2)
PLAN = audit_terms_for(PROPOSED, 1000, 10, 300, 8)
BACK = Amount(7, USDC)
OPENING = AuditOpening(b"\1" * 32, b"\2" * 32, b"\3" * 32, b"\4" * 32, 100)
TERMS = JobTerms(
    requester="0x" + "99" * 20, nonce=1, spec_digest=bytes(32), price=10_000, reserve=3_000, bounty=7, take_by=100,
    pay_token=USDC.address, fee_bps=100, no_show_bond=1, reopens=0, workers=1, stake=10, hardware_class=bytes(32),
    scheduler=ZERO, verifier=AUDIT, verifier_params=PLAN.pack(), work_time=60, settle_time=3000,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- ordering


@given(steps=st.integers(100, 6_000_000))
def test_every__left_out__makes_a_hundred_segments_or_a_few_more(steps):
    every = every_of(steps, None)
    assert 100 <= -(-steps // every) < 200


@pytest.mark.parametrize(("steps", "every", "told"), [
    (None, None, "how often"), (0, None, "at least 1"), (True, None, "at least 1"), (100, 0, "checkpoint_every"),
])  # fmt: skip
def test_every__without_what_it_takes__is_refused_with_a_way_out(steps, every, told):
    with pytest.raises(SpecInvalid, match=told):
        every_of(steps, every)


def test_terms__of_a_spec_whose_steps_nobody_names__are_refused_with_a_way_out():
    with pytest.raises(SpecInvalid, match="how often"):
        audit_terms_for(PROPOSED, None, 10, 60, 8)


def test_terms__of_a_thousand_steps__are_those_of_the_network_and_long_enough_to_replay():
    plan = audit_terms_for(PROPOSED, 1000, 10, 3600, 8)
    assert (plan.segments, plan.steps, plan.drawn, plan.auditors) == (100, 10, 2, 2)
    assert (plan.audit_bps, plan.reaudit_bps, plan.take_time) == (15_000, 500, 12)
    assert plan.audit_time >= 3600 * 2 / 100 * 1.5, "an auditor as slow as the wall limit allows must come through"
    assert plan.move_time >= 3 * 3600 / 100
    short = audit_terms_for(PROPOSED, 1000, 10, 1, 8)
    told = (short.respond_time, short.audit_time, short.move_time)
    assert told == (20, 40, 120), "the network's own clocks are the least"
    assert audit_terms_for(PROPOSED, 1001, 10, 60, 8).segments == 101, "the last segment may be shorter"


@pytest.mark.parametrize("wall", [1, 30, 31, 60, 300, 456, 3600, 86_400])
def test_terms__of_any_length__leave_a_worker_time_to_run_the_whole_job_once_more(wall):
    plan = audit_terms_for(PROPOSED, 1000, 10, wall, 8)
    assert plan.answer_time >= wall + REMAKE_MARGIN_SECONDS, "else every worker's gate refuses them"


@pytest.mark.parametrize(("steps", "every", "told"), [
    (99, 1, "too few"), (1000, 11, "lower checkpoint_every to 10"), (10_000, 2, "checkpoint_every=3"),
])  # fmt: skip
def test_terms__a_number_of_segments_that_cannot_be_audited__is_refused_with_advice(steps, every, told):
    with pytest.raises(NotAuditable, match=told):
        audit_terms_for(PROPOSED, steps, every, 60, 8)


def test_proposal__of_a_network_that_makes_none__asks_for_eight_others_and_its_own_clocks():
    found = proposal_or_cautious(None, CLOCKS)
    assert (found.others, found.respond, found.take) == (8, 8, 10)
    assert proposal_or_cautious(PROPOSED, CLOCKS) is PROPOSED


def test_proposal__of_the_devnet__travels_with_its_deployment():
    shipped = NetworkParameters.load("devnet").audit
    assert shipped is not None
    assert (shipped.segments, shipped.drawn, shipped.auditors, shipped.others) == (100, 2, 2, 2)
    contracts = {
        name: {"address": ZERO, "block": 1, "tx": "0x", "code_hash": "0x" + "00" * 32}
        for name in (*REQUIRED, "BlockBeacon")
    }
    raw = {"version": 1, "chain_id": 1, "network": "x", "start_block": 0, "contracts": contracts, "tokens": []}
    before = replace(Deployment.from_text(dumps(raw)), audit=PROPOSED)
    assert Deployment.from_text(dumps(before.to_json())).audit == PROPOSED
    assert Deployment.from_text(dumps(raw)).audit is None


@given(budget=st.integers(0, 10**24), fee_bps=st.integers(0, 500), segments=st.integers(100, 4096))
def test_prices__any_budget__hold_all_that_auditors_can_earn_and_stay_within(budget, fee_bps, segments):
    plan = replace(PLAN, segments=segments)
    try:
        prices = audited_prices(Amount(budget, USDC), fee_bps=fee_bps, plan=plan)
    except InsufficientFunds:
        assert budget < 3 * segments
        return
    assert prices.escrow <= budget
    assert prices.reserve * 10_000 >= prices.price * reserve_bps(plan), "as the verifier asks"
    assert plan.fee(prices.price, plan.first) == prices.audit_fees <= prices.reserve
    spent = prices.price + prices.audit_fees
    assert prices.likely_cost == spent - (-spent * fee_bps // 10_000) <= prices.escrow
    dearer = prices.price + 1
    dearer += -(-dearer * reserve_bps(plan) // 10_000)
    assert dearer - (-dearer * fee_bps // 10_000) + prices.bounty > budget, "a higher price would have fitted"


def test_estimate__shows_auditors_what_is_locked_and_what_comes_back():
    prices = audited_prices(Amount(5_000_000, USDC), fee_bps=100, plan=PLAN)
    from tests.sdk.test_terms import BOUNDS

    estimate = estimate_of(prices, clocks_for(BOUNDS, CLOCKS, 60, None), USDC, PLAN)
    assert (estimate.segments, estimate.replayed) == (100, 4)
    assert estimate.audit_fees == Amount(PLAN.fee(prices.price, 4), USDC)
    assert estimate.likely + estimate.refund_if_agreed == estimate.ceiling
    assert "4 of 100 segments" in str(estimate)


def test_gas__above_a_twentieth_of_the_price__says_which_tier_fits():
    wei, coin = 10**9, 3000 * 10**6  # 1 gwei; a coin costs 3,000 USDC
    check_gas(1_000_000, wei, coin, price=60 * 10**6)
    with pytest.raises(NotAuditable, match='verify="accept"'):
        check_gas(1_000_000, wei, coin, price=59 * 10**6)


def test_gas__that_is_reckoned_with__is_what_the_bench_has_seen():
    seen = loads((Path(__file__).parents[1] / "gas_baseline.json").read_text()).get("audited_job_gas")
    if seen is None:
        pytest.skip("the bench has no figure of an audited job yet")
    assert seen["steady"] <= AUDITED_JOB_GAS <= 1.3 * seen["cold"]


def test_pack__audit__carries_the_checkpoint_and_reads_the_source_first():
    def train():
        import os

        return {"n": os.urandom(1)[0]}

    from tensorgrid.domain.errors import NotRepeatable

    options = JobOptions(verify="audit", steps=2000, keep_bytes="1GiB")
    recipients = (Identity.generate().recipient,)
    with pytest.raises(NotRepeatable, match="tg: allow"):
        pack(train, {}, options, gpus=0, recipients=recipients)
    spec = pack(train, {}, options.changed(lint=False), gpus=0, recipients=recipients).spec
    assert spec.checkpoint is not None
    assert (spec.tier, spec.checkpoint.every, spec.checkpoint.keep_bytes) == ("audit", 20, 1 << 30)


# ------------------------------------------------------------------------------------------------------------ following


class Log:
    """Gives events their place on the chain, each in a transaction of its own."""

    def __init__(self):
        self.events = []

    def add(self, kind, **fields):
        number = len(self.events) + 10
        place = LogRef(number, "0x" + "bb" * 32, f"0x{number:064x}", 0)
        self.events.append(kind(id=JOB, **fields, log=place))
        return self

    def taken(self, number, work_by=0):
        return self.add(
            JobTaken,
            worker=WORKERS[number - 1],
            number=number,
            provider=ZERO,
            payee=ZERO,
            price=10_000,
            work_by=work_by,
        )

    def sitting(self, number, first, count, take_by=300):
        return self.add(SittingOpened, sitting=number, from_=first, count=count, round=9, take_by=take_by)

    def served(self, seats, seed=b"\5" * 32, fresh=bytes(32), audit_by=400):
        checks = (b"\6" * 32,) * seats
        return self.add(Served, manifest_digest=bytes(32), seed=seed, fresh=fresh, checks=checks, audit_by=audit_by)

    def confirmed(self, number):
        return self.add(Confirmed, auditor=WORKERS[number - 1], number=number)

    def accused(self, number, index, claim=0):
        return self.add(Accused, auditor=WORKERS[number - 1], number=number, claim=claim, index=index, mine=b"\7" * 32)

    def settled(self, **pays):
        """`seat1=(pay, fault, agreed)`..."""
        for name, (pay, fault, agreed) in pays.items():
            worker = WORKERS[int(name.removeprefix("seat")) - 1]
            self.add(WorkerSettled, worker=worker, pay=pay, fault=fault, agreed=agreed)
        return self.add(JobSettled, closer=ZERO, paid=0, fee=0, returned=7)

    @property
    def story(self):
        return fold(self.events, None, AUDIT)


def begun(opening=OPENING):
    log = Log().add(JobPosted, terms=TERMS, round=5).taken(1, work_by=160)
    log.add(JobSealed, worker=WORKERS[0], commitment=OPENING.commitment(JOB, WORKERS[0]), since=200)
    return log.add(AuditBegun, worker=WORKERS[0], opening=opening, fingerprint=b"\x0f" * 32).sitting(1, 2, 2)


def served():
    return begun().taken(2).taken(3).served(2)


PAID, SILENT, SLASHED = (10_000, Fault.NONE, True), (0, Fault.NO_SHOW, False), (0, Fault.SLASHED, False)
FEE = (300, Fault.NONE, True)


def test_fold__an_audit__says_at_every_step_what_it_waits_for():
    log, phases = begun(), []
    for step in (
        lambda: log.taken(2),
        lambda: log.taken(3),
        lambda: log.served(2),
        lambda: log.confirmed(2),
        lambda: log.confirmed(3).add(AuditClean, round=12),
        lambda: log.settled(seat1=PAID, seat2=FEE, seat3=FEE),
    ):
        phases.append(log.story.phase)
        step()
    phases.append(log.story.phase)
    assert phases == [
        "audit: 0 of 2 auditors seated",
        "audit: 1 of 2 auditors seated",
        "audit: waiting for the worker to show 2 auditors their segments",
        "audit: 0 of 2 auditors have answered",
        "audit: 1 of 2 auditors have answered",
        "audit: clean; a draw decides whether it is repeated",
        "settled: audited",
    ]


def test_fold__a_job_of_another_tier__knows_no_audit():
    assert fold(begun().events, None, "0x" + "ee" * 20).audit is None


def test_report__clean__tells_segments_auditors_and_what_they_said():
    log = served().confirmed(2).confirmed(3).settled(seat1=PAID, seat2=FEE, seat3=FEE)
    story = log.story
    report = report_of(JOB, story, story.audit, USDC)
    assert (report.segments, report.done, report.clean, report.reaudit) == (100, 100, True, False)
    assert (report.trace_root, report.audit_root) == (OPENING.trace_root, OPENING.root(JOB))
    assert [seat.said for seat in report.seats] == ["confirmed", "confirmed"]
    assert all(len(seat.segments) == 2 and seat.pay == Amount(300, USDC) for seat in report.seats)
    assert report.drawn == report.covered
    assert len(report.drawn) == 4
    assert [seat.worker for seat in story.vouchers] == WORKERS[1:3]
    raise_unless_clean(story, "it", BACK)


def test_report__before_it_is_served__knows_no_segments():
    story = begun().taken(2).story
    report = report_of(JOB, story, story.audit, USDC)
    assert (report.drawn, report.covered, report.clean) == ((), (), None)
    assert [(seat.said, seat.segments) for seat in report.seats] == [("nothing yet", ())]


def test_report__an_opening_that_is_not_what_was_committed_to__is_refused():
    story = begun(replace(OPENING, done=99)).story
    with pytest.raises(ResultRejected, match="false chain"):
        report_of(JOB, story, story.audit, USDC)


def test_report__a_replacement__gets_what_was_left_undone():
    log = served().confirmed(3).sitting(2, 4, 1, take_by=500).taken(4).served(1, audit_by=600).confirmed(4)
    story = log.story
    seats = report_of(JOB, story, story.audit, USDC).seats
    assert [seat.purpose for seat in seats] == ["audit", "audit", "replacement"]
    assert seats[2].segments == seats[0].segments
    assert story.audit.covered() == {*seats[1].segments, *seats[2].segments}


def test_report__a_seat_that_declined__is_left_to_the_replacement():
    log = served().confirmed(3).add(Declined, auditor=WORKERS[1], number=2, suspicion=False)
    log.sitting(2, 4, 1, take_by=500).taken(4).served(1, audit_by=600)
    seats = report_of(JOB, log.story, log.story.audit, USDC).seats
    assert [seat.said for seat in seats] == ["left undone", "confirmed", "nothing yet"]
    assert seats[2].segments == seats[0].segments


@pytest.mark.parametrize(("matched", "said"), [(True, "confirmed"), (False, "withdrawn")])
def test_report__a_seat_whose_claims_have_fallen__has_confirmed_or_said_nothing(matched, said):
    log = served().confirmed(3).accused(2, 5).add(Answered, number=2, claim=0, fallen=True, end=b"\7" * 32)
    audit = log.add(ClaimsFallen, number=2, matched=matched).story.audit
    assert audit.said(2) == said
    assert audit.as_audit().answer_of(2) is (Answer.CONFIRMED if matched else Answer.VOID)


def test_report__a_round_lost_before_serving__leaves_all_to_the_replacement():
    story = begun().taken(2).sitting(2, 3, 1, take_by=500).taken(3).served(2, audit_by=600).story
    seats = report_of(JOB, story, story.audit, USDC).seats
    assert seats[0].said == "left undone"
    assert len(seats[1].segments) == PLAN.first


@pytest.mark.parametrize(("failed", "counted"), [
    (ExitClass.WALL_LIMIT, 99), (ExitClass.MEMORY_LIMIT, 99), (ExitClass.RAISED, 100),
])  # fmt: skip
def test_opening__of_a_run_that_a_limit_ended__does_not_count_its_last_segment(failed, counted):
    assert replace(OPENING, result_root=result_root(JOB, failed)).counted(JOB) == counted


def test_fold__a_run_that_a_limit_ended_at_once__waits_for_nobody():
    ended = replace(OPENING, done=1, result_root=result_root(JOB, ExitClass.WALL_LIMIT))
    log = Log().add(JobPosted, terms=TERMS, round=5).taken(1, work_by=160)
    log.add(JobSealed, worker=WORKERS[0], commitment=ended.commitment(JOB, WORKERS[0]), since=200)
    log.add(AuditBegun, worker=WORKERS[0], opening=ended, fingerprint=bytes(32)).sitting(1, 2, 0)
    assert "a limit ended" in log.story.phase
    assert _audit_may_move(log.story.audit, 200, 201)
    settled = log.settled(seat1=(0, Fault.NONE, False)).story
    with pytest.raises(NotAudited, match="in its first segment"):
        raise_unless_clean(settled, "it", BACK)


def test_report__a_re_audit__has_all_segments_and_as_many_again():
    log = served().confirmed(2).confirmed(3).add(AuditClean, round=12)
    log.sitting(3, 4, 1, take_by=500).taken(4).served(1, fresh=b"\x0a" * 32)
    story = log.story
    report = report_of(JOB, story, story.audit, USDC)
    assert report.reaudit
    assert report.seats[2].purpose == "re-audit"
    assert set(report.seats[2].segments) > {*report.seats[0].segments, *report.seats[1].segments}
    assert story.phase == "re-audit: 0 of 1 auditors have answered"


def test_report__declined_twice__the_last_sitting_is_a_re_audit():
    log = served().confirmed(3).add(Declined, auditor=WORKERS[1], number=2, suspicion=False)
    log.sitting(2, 4, 1, take_by=500).sitting(3, 4, 1, take_by=600).taken(4).served(1, fresh=b"\x0a" * 32)
    story = log.story
    report = report_of(JOB, story, story.audit, USDC)
    assert (report.reaudit, report.seats[2].purpose) == (True, "re-audit")
    assert set(report.seats[2].segments) > {*report.seats[0].segments, *report.seats[1].segments}


def test_report__a_second_look__has_fresh_segments_alone():
    log = served().confirmed(3).accused(2, 5).sitting(3, 4, 1, take_by=500).taken(4).served(1, fresh=b"\x0a" * 32)
    story = log.story
    report = report_of(JOB, story, story.audit, USDC)
    assert (report.reaudit, report.seats[2].purpose) == (False, "second look")
    assert len(report.seats[2].segments) == 30
    assert not set(report.seats[2].segments) & {*report.seats[0].segments, *report.seats[1].segments}


@pytest.mark.parametrize(("fallen", "said", "told"), [
    (True, "withdrawn", "answered: the worker was right"), (False, "accused", "answered with another state"),
])  # fmt: skip
def test_doubt__answered__falls_or_stands(fallen, said, told):
    log = served().accused(2, 17)
    assert "segment 17 (not answered)" in log.story.phase
    log.add(Answered, number=2, claim=0, fallen=fallen, end=b"\x08" * 32)
    story = log.story
    assert story.audit.said(2) == said
    assert report_of(JOB, story, story.audit, USDC).seats[0].doubts == (f"segment 17: {told}",)


def test_doubt__a_second_accusation__is_answered_by_itself():
    log = served().accused(2, 17).add(Answered, number=2, claim=0, fallen=True, end=b"\7" * 32).accused(2, 17)
    first, second = log.story.audit.doubts
    assert (first.state, second.state) == (ClaimState.FALLEN, ClaimState.OPEN)
    assert log.story.audit.said(2) == "accused"


def test_result__never_taken_or_never_shown__says_so_and_what_came_back():
    log = Log().add(JobPosted, terms=TERMS, round=5).add(JobExpired, closer=ZERO, returned=7)
    with pytest.raises(JobNotTaken, match=r"0.000007 USDC came back"):
        raise_unless_clean(log.story, "it", BACK)
    log = Log().add(JobPosted, terms=TERMS, round=5).taken(1, work_by=160)
    log.add(JobSealed, worker=WORKERS[0], commitment=b"\7" * 32, since=200).settled(seat1=SLASHED)
    with pytest.raises(WorkersSilent, match="never showed"):
        raise_unless_clean(log.story, "it", BACK)


def test_result__two_segments_faked__names_them():
    log = (
        served().accused(2, 17).accused(2, 40, claim=1).settled(seat1=SLASHED, seat2=FEE, seat3=(0, Fault.NONE, False))
    )
    with pytest.raises(AuditFailed, match="segment 17, segment 40"):
        raise_unless_delivered(log.story, "it", BACK)
    assert log.story.phase == "settled: the worker was wrong"


def test_result__the_model_is_not_the_last_state_s__names_the_result():
    log = served().accused(2, 0).settled(seat1=SLASHED)
    with pytest.raises(AuditFailed, match="in the result"):
        raise_unless_clean(log.story, "it", BACK)


def test_result__segments_not_shown_to_the_auditors__says_so():
    log = begun().taken(2).taken(3).settled(seat1=SLASHED, seat2=FEE, seat3=FEE)
    with pytest.raises(AuditFailed, match="did not show"):
        raise_unless_clean(log.story, "it", BACK)


@pytest.mark.parametrize(("log", "told"), [
    (lambda: begun().settled(seat1=(10_000, Fault.NONE, False)), "no auditor has found"),
    (lambda: served().accused(2, 17).settled(seat1=(5_000, Fault.NONE, False)), "segment 17 differs"),
    (lambda: served().accused(2, 17).settled(seat1=(0, Fault.NONE, False)), "nobody could decide"),
    (lambda: served().confirmed(3).settled(seat1=(10_000, Fault.NONE, False)), "not all that was drawn"),
])  # fmt: skip
def test_result__not_shown_to_be_right__is_no_result_but_can_be_had(log, told):
    story = log().story
    with pytest.raises(NotAudited, match=told):
        raise_unless_clean(story, "it", BACK)
    raise_unless_delivered(story, "it", BACK)
    assert (story.agreed, story.vouchers, story.state) == ([], [], JobState.SETTLED)
    assert story.phase == "settled: not audited"


@pytest.mark.parametrize(
    ("span", "stage", "told"),
    [
        ((0, 8), Stage.DEFENDING, "disputed, narrowed to steps 1 to 8 of 8 in 0 moves; the worker's turn"),
        ((4, 6), Stage.CHALLENGING, "disputed, narrowed to steps 5 to 6 of 8 in 5 moves; the auditor's turn"),
        ((4, 5), Stage.JUDGING, "disputed, narrowed to step 5 of 8 in 6 moves; a jury decides"),
        (
            (0, 8),
            Stage.CHALLENGER_WON,
            "disputed, narrowed to steps 1 to 8 of 8 in 0 moves; the worker ran out of time",
        ),
    ],
)
def test_doubt__disputed__says_down_to_which_steps(span, stage, told):
    moves = {(0, 8): 0, (4, 6): 5, (4, 5): 6}[span]
    match = Match(JOB, 2, 0, WORKERS[0], WORKERS[1], b"", b"", b"", b"", steps=8, clock=60)
    position = Position(match, Span(*span, b"", b""), moves, stage)
    assert Doubt(2, 0, 17, b"", ClaimState.CONTESTED, dispute=position).said == told


def test_doubt__whose_auditor_has_lost_the_dispute__is_refuted_and_hides_nothing():
    log = served().accused(2, 17).add(DisputeOpened, number=2, claim=0, bond=5)
    assert "segment 17 (disputed)" in log.story.phase
    alone = log.settled(seat1=(10_000, Fault.NONE, False), seat2=SLASHED).story
    assert report_of(JOB, alone, alone.audit, USDC).seats[0].said == "refuted"
    with pytest.raises(NotAudited, match="no auditor has found it right"):
        raise_unless_clean(alone, "it", BACK)
    log = served().accused(2, 17).add(DisputeOpened, number=2, claim=0, bond=5).confirmed(3)
    raise_unless_clean(log.settled(seat1=PAID, seat2=SLASHED, seat3=FEE).story, "it", BACK)


def test_closing__a_clock_that_runs__leaves_everybody_alone():
    audit = begun().story.audit
    assert not _audit_may_move(audit, 200, 300)
    assert _audit_may_move(audit, 200, 301), "nobody took a seat in time"
    audit = served().confirmed(2).story.audit
    assert not _audit_may_move(audit, 200, 400)
    assert _audit_may_move(audit, 200, 401)
    assert _audit_may_move(served().confirmed(2).confirmed(3).story.audit, 200, 310), "all have answered"
    waiting = AuditTerms.unpack(TERMS.verifier_params).respond_time
    sealed = Log().add(JobPosted, terms=TERMS, round=5).taken(1, work_by=160).story.audit
    assert _audit_may_move(sealed, 200, 201 + waiting)
    assert not _audit_may_move(sealed, 200, 200 + waiting)
