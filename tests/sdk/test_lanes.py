"""Which lane a job is posted in: the lowest that is free, and the next one when another process is faster."""

import pytest

from tensorgrid.chain.records import Lane
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import LAST_SEQUENCE, JobState, lane_and_sequence
from tensorgrid.domain.refusals import LaneBusy, NonceUsed, Paused
from tensorgrid.ordering.lanes import ATTEMPTS, in_free_lane, own_lane

ME = "0x" + "11" * 20
FREE, BUSY = JobState.SETTLED, JobState.ASSIGNED


class Board:
    """Lanes as told, NONE beyond."""

    def __init__(self, *lanes):
        self.lanes = lanes

    def lane(self, requester, lane):
        assert requester == ME
        return Lane(*self.lanes[lane]) if lane < len(self.lanes) else Lane(JobState.NONE, 0)


@pytest.mark.parametrize(
    ("lanes", "expected"),
    [
        ([], (0, 1)),
        ([(FREE, 4)], (0, 5)),
        ([(BUSY, 4)], (1, 1)),
        ([(BUSY, 4), (JobState.POSTED, 1), (JobState.EXPIRED, 9)], (2, 10)),
        ([(JobState.COMMITTED, 1), (JobState.CANCELLED, 2)], (1, 3)),
        ([(FREE, LAST_SEQUENCE - 1)], (0, LAST_SEQUENCE)),
        ([(FREE, LAST_SEQUENCE), (FREE, 2)], (1, 3)),
    ],
)
def test_in_free_lane__takes_the_lowest_that_has_ended(lanes, expected) -> None:
    assert lane_and_sequence(in_free_lane(Board(*lanes), ME, lambda nonce: nonce)) == expected


@pytest.mark.parametrize("refusal", [LaneBusy, NonceUsed])
def test_in_free_lane__another_process_was_faster__the_next_lane_is_tried(refusal) -> None:
    tried = []

    def post(nonce):
        tried.append(lane_and_sequence(nonce))
        if len(tried) < 3:
            raise refusal(refusal.__name__)
        return "posted"

    assert in_free_lane(Board((FREE, 1), (BUSY, 7), (FREE, 2)), ME, post) == "posted"
    assert tried == [(0, 2), (2, 3), (3, 1)]


def test_in_free_lane__always_too_late__ends_with_a_sentence() -> None:
    tried = []

    def post(nonce):
        tried.append(nonce)
        raise LaneBusy("LaneBusy")

    with pytest.raises(ChainError, match="try again"):
        in_free_lane(Board(), ME, post)
    assert len(tried) == ATTEMPTS


def test_in_free_lane__any_other_refusal__is_not_swallowed() -> None:
    def post(nonce):
        raise Paused("Paused")

    with pytest.raises(Paused):
        in_free_lane(Board(), ME, post)


def test_own_lane__is_never_one_that_is_looked_through_and_never_the_same() -> None:
    nonces = {own_lane() for _ in range(100)}
    assert len(nonces) == 100
    assert all(lane_and_sequence(nonce)[0] >= 1 << 64 and nonce < 1 << 256 for nonce in nonces)
