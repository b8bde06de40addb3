"""Cases of private jobs: who gives what to whom, what a juror makes of it, and who loses by keeping it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.audits import PLAN, make_claim, make_picture, served
from tests.worker.jobs import JOB, ME, SECOND, make_record, make_terms
from tests.worker.test_audit_disputes import DEFENDER, FIRST, HONEST, KEY, LIE, MATCH, STEPS, dispute, seen
from tests.worker.test_audit_judging import QUESTION, ROUND, RULES, SEALED, TAKE_BY, VOTE_BY, case

from tensorgrid.chain.audit_history import Accused, Served
from tensorgrid.chain.bisection import Stage
from tensorgrid.chain.dispute_history import StatesServed
from tensorgrid.chain.history import LogRef, WorkerRegistered, WorkerUpdated
from tensorgrid.chain.jury import Decision, Phase
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.errors import Reverted, StateRejected, StorageError
from tensorgrid.domain.jobkeys import NO_KEYS, JobKeys
from tensorgrid.domain.jobs import ZERO32, ExitClass
from tensorgrid.domain.jurykeys import JuryKeys
from tensorgrid.domain.openings import OpenedSeat, Opening
from tensorgrid.domain.recipients import recipient_bytes
from tensorgrid.domain.results import result_root
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.privacy import Identity, open_sealed, seal
from tensorgrid.provable import seal_provably
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.auditing.bench import Bench
from tensorgrid_worker.auditing.disputes import moves
from tensorgrid_worker.auditing.entrusted import Entrusted
from tensorgrid_worker.auditing.entrusting import Entrusting
from tensorgrid_worker.auditing.judging import Duty, PrivateCase, Question, duties, hand_by
from tensorgrid_worker.auditing.matches import MatchReader
from tensorgrid_worker.auditing.picture import Case
from tensorgrid_worker.auditing.plan import Known, Step
from tensorgrid_worker.auditing.privately import PrivateReader, is_about_the_key, served_to

KEYS, OTHERS = JobKeys.of(b"\7" * 32), JobKeys.of(b"\x08" * 32)
JUROR, AUDITOR, LATER = (Identity.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
ACCUSER = MATCH.challenger
HIS, HIS_NEXT = recipient_bytes(AUDITOR.recipient), recipient_bytes(LATER.recipient)
NOTHING = PrivateCase(b"\x41" * 32, (HIS,))
HAND_BY = TAKE_BY + RULES.vote_time // 4
WRONG = Decision.ACCUSED


@pytest.fixture
def store(tmp_path: Any) -> LocalStore:
    return LocalStore(tmp_path / "store")


def private(phase, **changes):
    terms = make_terms(workers=1, verifier_params=replace(PLAN, wrap_time=60).pack())
    return case(phase, **{"audit": replace(make_picture(0), terms=terms), "private": NOTHING, **changes})


def planned(picture, answer=None, now=TAKE_BY, fits=None):
    return list(duties(picture, answer, {}, now, fits))


# --------------------------------------------------------------------------------------------------------- what he does


def test_open_seat__sealed_parts_are_fetched_first__then_taken_by_who_has_time_for_the_replay():
    hopeful = private(Phase.FILLING, hopeful=True, may_take=True)
    assert planned(hopeful) == [(Duty.FETCH, TAKE_BY)]
    assert planned(hopeful, fits=True) == [(Duty.TAKE, 0)]
    assert planned(hopeful, fits=False) == []
    assert planned(replace(hopeful, may_take=False), fits=True) == []


def test_seated__waits_for_the_keys_until_they_are_due__then_has_an_answer_without_them():
    seated = private(Phase.VOTING, number=2)
    assert planned(replace(seated, phase=Phase.FILLING)) == []
    assert planned(seated, now=HAND_BY) == []
    assert planned(seated, now=HAND_BY + 1) == [(Duty.JUDGE, VOTE_BY)]
    handed = replace(seated, private=replace(NOTHING, handed=b"\x42" * 32))
    assert planned(handed, now=TAKE_BY) == [(Duty.JUDGE, VOTE_BY)]
    assert planned(handed, WRONG) == [(Duty.VOTE, VOTE_BY)]
    assert planned(replace(handed, sealed=SEALED)) == []
    assert planned(replace(handed, sealed=SEALED, phase=Phase.SHOWING)) != []


def test_hand_by__the_rest_of_the_time_to_vote_is_for_the_replay():
    assert hand_by(ROUND, RULES) == HAND_BY == private(Phase.VOTING).hand_by
    assert RULES.vote_time * 3 // 4 == VOTE_BY - HAND_BY


# ----------------------------------------------------------------------------------------------------- what he is given


def handed(store, keys=KEYS, *, juror=ME, to=JUROR, of=QUESTION.key):
    document = JuryKeys(of, {juror: seal(keys.to_bytes(), [to.recipient])})
    store.put(document.to_bytes())
    return private(Phase.VOTING, number=2, private=replace(NOTHING, handed=document.digest))


def given(store, picture, *, patient=False):
    return Entrusted(store, ME, JUROR).keys(picture, KEYS.check, patient=patient)


def test_keys_of_the_job__opened(store):
    assert given(store, handed(store)) == KEYS


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": OTHERS},
        {"keys": NO_KEYS},
        {"keys": JobKeys(KEYS.content, OTHERS.roots)},
        {"juror": SECOND},
        {"to": AUDITOR},
        {"of": b"\x39" * 32},
    ],
    ids=["another job's", "none", "another key of the roots", "another juror's", "unopenable", "another case's"],
)
def test_attack_worker_hands_other_things__counts_as_nothing(store, wrong):
    assert given(store, handed(store, **wrong)) is None


def test_attack_worker_says_that_he_handed_what_no_store_has__waited_for_until_it_is_due(store):
    nowhere = private(Phase.VOTING, private=replace(NOTHING, handed=b"\x43" * 32))
    with pytest.raises(StorageError):
        given(store, nowhere, patient=True)
    assert given(store, nowhere) is None
    assert given(store, private(Phase.VOTING)) is None


# ------------------------------------------------------------------------------------------------- what the accuser was


def opened(store, sealed, *, worker=ACCUSER, job=JOB):
    opening = Opening(job, 1, (OpenedSeat(worker, (), None, sealed),))
    store.put(opening.to_bytes())
    return private(Phase.VOTING, number=2, private=PrivateCase(opening.digest, (HIS,)))


def was_served(store, picture, *, patient=False):
    return Entrusted(store, ME, JUROR).was_served(picture, KEYS, patient=patient)


def test_accuser_was_given_the_keys__seen_without_his_own_key(store):
    sealed = seal_provably(KEYS.to_bytes(), AUDITOR.recipient)
    assert open_sealed(sealed, AUDITOR) == KEYS.to_bytes()
    assert was_served(store, opened(store, sealed))


@pytest.mark.parametrize(
    "sealed",
    [
        None,
        b"junk",
        seal_provably(OTHERS.to_bytes(), AUDITOR.recipient),
        seal_provably(NO_KEYS.to_bytes(), AUDITOR.recipient),
        seal_provably(KEYS.to_bytes(), JUROR.recipient),
        seal(KEYS.to_bytes(), [AUDITOR.recipient]),
    ],
    ids=["nothing", "junk", "others", "none", "to another", "in a way that nobody can check"],
)
def test_attack_worker_keeps_the_keys_from_his_auditor__and_hands_them_to_the_jury__seen(store, sealed):
    assert not was_served(store, opened(store, sealed))


def test_attack_worker_serves_another_seat_job_or_nothing__seen(store):
    good = seal_provably(KEYS.to_bytes(), AUDITOR.recipient)
    assert not was_served(store, opened(store, good, worker="0x" + "d" * 40))
    assert not was_served(store, opened(store, good, job=type(JOB)(b"\x44" * 32)))
    with pytest.raises(StorageError):
        was_served(store, private(Phase.VOTING), patient=True)
    assert not was_served(store, private(Phase.VOTING))


def test_attack_auditor_registers_another_key_afterwards__what_was_sealed_to_the_first_counts(store):
    picture = opened(store, seal_provably(KEYS.to_bytes(), AUDITOR.recipient))
    changed = replace(picture, private=replace(picture.private, recipients=(HIS, HIS_NEXT)))
    assert was_served(store, changed)
    assert not was_served(store, replace(picture, private=replace(picture.private, recipients=(HIS_NEXT,))))
    assert was_served(store, replace(picture, private=replace(picture.private, recipients=())))  # cannot be told


def test_auditor_nobody_can_seal_to__his_own_fault(store):
    picture = opened(store, None)
    assert was_served(store, replace(picture, private=replace(picture.private, recipients=(ZERO32,))))


# --------------------------------------------------------------------------------------------------------- how he votes


class Room:
    """What a juror's machine has of the job; `kept`: the keys that its replay would use."""

    def __init__(self, store, wall):
        self.inputs, self.kept, self._wall = self, None, wall
        self.store = store

    def prepare(self, *_):
        resources = SimpleNamespace(wall_seconds=self._wall)
        return SimpleNamespace(spec=SimpleNamespace(private=SimpleNamespace(check=KEYS.check), resources=resources))

    def keep_keys(self, _, keys):
        self.kept = keys


def bench(store, wall=60, identity=JUROR):
    room, said = Room(store, wall), SimpleNamespace(say=lambda *_, **__: None)
    found = Bench(None, ME, cases=None, tools=room, errands=None, salt=None, joblog=lambda _: said, identity=identity)
    found._judge = lambda picture, stop: picture.question.answer(HONEST)
    return found, room


def verdict(store, picture):
    found, room = bench(store)
    return found._judge_private(picture, None, patient=False), room.kept


def ready(store, *, sealed=None, **wrong):
    """A case whose worker has given all that he should but for what is named."""
    seat = opened(store, sealed or seal_provably(KEYS.to_bytes(), AUDITOR.recipient)).private
    picture = handed(store, **wrong)
    return replace(picture, private=replace(seat, handed=picture.private.handed))


TRUE = replace(QUESTION, defended=HONEST.states[STEPS], match=replace(MATCH, defended=HONEST.states[-1]))


@pytest.mark.parametrize(("question", "expected"), [(TRUE, Decision.ACCUSER), (QUESTION, WRONG)], ids=["true", "lie"])
def test_everybody_was_given_the_keys__the_replay_decides(store, question, expected):
    assert verdict(store, replace(ready(store), question=question)) == (expected, KEYS)


def test_attack_worker_withholds_keys_from_the_jury__loses_though_he_was_right__and_the_juror_has_a_vote(store):
    assert verdict(store, replace(ready(store, keys=OTHERS), question=TRUE)) == (WRONG, None)


def test_attack_worker_served_his_auditor_junk__loses_though_he_was_right(store):
    assert verdict(store, replace(ready(store, sealed=b"junk"), question=TRUE)) == (WRONG, None)


@pytest.mark.parametrize(("wall", "fits"), [(90, True), (360, True), (361, False)])
def test_seat__only_where_the_replay_is_sure_to_end_in_time(store, wall, fits):
    assert QUESTION.segment * 4 == PLAN.segments and VOTE_BY - HAND_BY == 90
    assert bench(store, wall)[0]._fits(private(Phase.FILLING)) is fits


def test_juror_without_an_identity__takes_no_such_seat(store):
    assert bench(store, identity=None)[0]._fits(private(Phase.FILLING)) is False


# ------------------------------------------------------------------------------------------------- what the chain tells

LOG = LogRef(1, "0x", "0x", 0)


def update(kind, recipient, **more):
    return kind(log=LOG, worker=ACCUSER, profile=WorkerProfile(ACCUSER, b"\5" * 32, recipient=recipient), **more)


def reader(events, *, now=HIS, look_back=100, windows=2):
    """`events`: of the accuser's registration, by block."""
    registry = SimpleNamespace(address="registry", profile_of=lambda _: SimpleNamespace(recipient=now))
    contracts = SimpleNamespace(registry=registry, deployment=SimpleNamespace(start_block=0))

    def logs(address, name, topics, first, last="latest"):
        until = 10**9 if last == "latest" else int(last, 16)
        return [event for block, event in sorted(events.items()) if first <= block <= until]

    return PrivateReader(contracts, logs, look_back, windows)


FIRST_KEY = update(WorkerRegistered, HIS, provider=SECOND)
NEXT_KEY = update(WorkerUpdated, HIS_NEXT)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ({5: FIRST_KEY}, (HIS,)),
        ({5: FIRST_KEY, 1_010: NEXT_KEY}, ()),
        ({950: FIRST_KEY, 1_010: NEXT_KEY}, (HIS, HIS_NEXT)),
        ({850: FIRST_KEY, 1_010: NEXT_KEY}, (HIS, HIS_NEXT)),
        ({1_001: FIRST_KEY, 1_010: NEXT_KEY}, (HIS, HIS_NEXT)),
    ],
    ids=["never changed", "too long ago to be found", "shortly before", "a window further", "registered since"],
)
def test_keys_that_the_accuser_had__all_since_the_job_was_posted(events, expected):
    assert reader(events)._recipients(ACCUSER, 1_000) == expected


def test_attack_worker_names_the_auditor_in_another_sitting__what_his_own_was_served_counts():
    def serving(digest):
        return Served(JOB, digest, ZERO32, ZERO32, (), 0, log=LOG)

    def accusing(number):
        return Accused(JOB, ACCUSER, number, 0, 5, ZERO32, log=LOG)

    story = [serving(b"1"), accusing(2), serving(b"2"), accusing(4), serving(b"3")]
    assert [served_to(number, story) for number in (2, 4)] == [b"1", b"2"]
    assert served_to(2, []) == b""


def test_attack_requester_hands_junk_and_helps_an_auditor_accuse__no_juror_sits():
    """What the worker was handed nobody else can see: who says that the job failed at once may be right."""
    raised = replace(MATCH, defended=result_root(JOB, ExitClass.RAISED))
    assert is_about_the_key(replace(QUESTION, segment=1, match=raised))
    assert not is_about_the_key(replace(QUESTION, segment=2, match=raised))
    assert not is_about_the_key(replace(QUESTION, segment=1))
    question = Question(b"\1" * 32, KEY, raised, 1, 0, ZERO32, raised.defended)
    assert reader({}).read(question, make_record()) is None


def test_handed__the_workers_last_word_counts(store):
    bisection = SimpleNamespace(address="bisection")
    said = [StatesServed(QUESTION.key, MATCH.defender, bytes([number]) * 32, log=LOG) for number in (1, 2)]
    asked = []

    def logs(address, name, topics, first, last="latest"):
        asked.append(topics)
        return said

    found = PrivateReader(SimpleNamespace(bisection=bisection), logs, 100, 2).handed(QUESTION)
    assert found == b"\2" * 32
    assert asked == [[None, "0x" + QUESTION.key.hex(), "0x" + "0" * 24 + MATCH.defender[2:]]]  # nobody else's word


# ---------------------------------------------------------------------------------------------------- the worker's side

JURORS = (ME, SECOND)


def judged(number=DEFENDER, **changes):
    found = replace(dispute(Stage.JUDGING), case=Case(5, jurors=JURORS, hand_by=HAND_BY, **changes))
    return served(number, claims={KEY: make_claim(ClaimState.CONTESTED)}, disputes={KEY: found})


def test_jurors_have_sat_down__their_keys_are_wrapped_and_told__once_a_round():
    picture, digest = judged(), b"\x51" * 32
    assert [(move.step, move.due) for move in moves(picture, Known(), TAKE_BY)] == [(Step.WRAP, HAND_BY)]
    (told,) = moves(picture, Known(wrapped={KEY: digest}), TAKE_BY)
    assert (told.step, told.kind) == (Step.ENTRUST, "entrust.2.0.0")
    (again,) = moves(judged(appealed=True), Known(wrapped={KEY: digest}), TAKE_BY)
    assert again.kind == "entrust.2.0.1"
    assert moves(picture, Known(), HAND_BY + 1) == []


def test_public_dispute__nothing_is_handed():
    assert moves(seen(DEFENDER, Stage.JUDGING, replace(FIRST, low=STEPS - 1, defended=LIE)), Known(), TAKE_BY) == []


class Jury:
    """Of one case: `appealed`: its second round is the running one."""

    def __init__(self, phase, *, appealed=False):
        self._phase, self._appealed = phase, appealed

    def rules(self):
        return RULES

    def round_of(self, _, key, *, appeal=False):
        if appeal and not self._appealed:
            raise Reverted("NotAppealed")
        return replace(ROUND, size=2), self._phase

    def juror_of(self, _, key, number, *, appeal):
        assert appeal is self._appealed
        return SimpleNamespace(worker=JURORS[number - 1])


@pytest.mark.parametrize("appealed", [False, True])
def test_full_round__its_jurors_are_to_be_given_the_keys__of_the_appeal_where_there_is_one(appealed):
    def jurors(phase):
        reader = MatchReader(SimpleNamespace(jury=Jury(phase, appealed=appealed)), ME)
        return reader._with_jurors(Case(5), "bisection", b"key")

    assert jurors(Phase.VOTING) == Case(5, jurors=JURORS, appealed=appealed, hand_by=HAND_BY)
    assert jurors(Phase.FILLING) == jurors(Phase.SHOWING) == Case(5)


def entrusting(store, keys, recipients):
    profiles = SimpleNamespace(profile_of=lambda worker: SimpleNamespace(recipient=recipients[worker]))
    contracts = SimpleNamespace(registry=profiles, audit=SimpleNamespace(address="0x" + "a" * 40))
    return Entrusting(contracts, SimpleNamespace(store=store, inputs=SimpleNamespace(keys=lambda _: keys)))


def test_wrapped__each_juror_can_open_his_own__one_without_a_usable_key_is_left_out(store):
    recipients = {ME: recipient_bytes(JUROR.recipient), SECOND: ZERO32}
    digest = entrusting(store, KEYS, recipients).wrap(judged(), KEY)
    key = MATCH.key("0x" + "a" * 40)
    picture = private(Phase.VOTING, question=replace(QUESTION, key=key), private=replace(NOTHING, handed=digest))
    assert given(store, picture) == KEYS
    assert Entrusted(store, SECOND, AUDITOR).keys(picture, KEYS.check, patient=False) is None


def test_keys_lost__the_worker_is_told_what_that_means(store):
    with pytest.raises(StateRejected, match="the case is lost"):
        entrusting(store, None, {}).wrap(judged(), KEY)
