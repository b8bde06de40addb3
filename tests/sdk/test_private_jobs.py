"""Private jobs before the chain: keys, sealed parts, keyed roots, and what terms and estimates say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.errors import OpeningRejected, ResultRejected, SpecInvalid
from tensorgrid.domain.jobkeys import ARGUMENTS, BUNDLE, MAX_WRAPPED_BYTES, NO_KEYS, JobKeys, label_of, new_job_key
from tensorgrid.domain.payload import pack_payload, payload_root
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.traces import metrics_digest, part_root
from tensorgrid.ordering.auditing import Handing
from tensorgrid.ordering.options import JobOptions
from tensorgrid.ordering.packing import PackedJob, pack
from tensorgrid.privacy import Identity, open_file, open_job_key, open_sealed, seal, seal_blob
from tensorgrid.runs.handing import job_keys

KEY, OTHER = b"\1" * 32, b"\2" * 32
KEYS = JobKeys.of(KEY)
OWNER, READER, STRANGER = (Identity.from_seed(bytes([n]) * 32) for n in (3, 4, 5))
SECRET = "a recipe of her own"
POINTS = np.arange(64, dtype=np.float32)
WEIGHTS = pack_payload({"w": ("F32", (2,), b"\0" * 8)}, {"loss": 1})
PLAN = AuditTerms(20, 10, 40, 60, 20, 2, 2, 15_000, 500, 2)


def train(recipe: str, points: Any) -> dict[str, Any]:
    return {"recipe": recipe, "points": points}


def packed(**options: Any) -> PackedJob:
    chosen = JobOptions(verify="audit", steps=100, private=True).changed(**options)
    arguments = {"recipe": SECRET, "points": POINTS}
    return pack(train, arguments, chosen, gpus=0, recipients=(OWNER.recipient, READER.recipient))


# ---- keys


def test_keys__of_one_job_key__are_the_same_every_time_and_differ_from_one_another() -> None:
    assert JobKeys.of(KEY) == KEYS != JobKeys.of(OTHER)
    labels = (BUNDLE, ARGUMENTS, label_of("bundle"), label_of("x"))
    derived = [KEY, KEYS.content, KEYS.roots, *(KEYS.blob(label) for label in labels)]
    assert len(set(derived)) == len(derived)


def test_keys__shown__show_nothing() -> None:
    assert repr(KEYS) == "JobKeys(...)"


def test_keys__as_bytes__come_back() -> None:
    assert JobKeys.from_bytes(KEYS.to_bytes()) == KEYS


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"\xff", b"[]", KEYS.to_bytes()[:-1], b" " * 600, canonical_json({"version": 1, "content": "0x00"})],
    ids=["empty", "no-keys", "no-text", "list", "cut", "long", "short"],
)
def test_keys__malformed__are_refused(data: bytes) -> None:
    with pytest.raises(OpeningRejected, match="go on without"):
        JobKeys.from_bytes(data)


def test_job_key__of_another_length__is_refused() -> None:
    with pytest.raises(SpecInvalid, match="32 bytes"):
        JobKeys.of(b"short")


def test_job_key__wrapped__fits_what_the_key_box_takes_and_opens_for_its_worker_alone() -> None:
    key = new_job_key()
    wrapped = seal(key, [READER.recipient])
    assert len(wrapped) <= MAX_WRAPPED_BYTES
    assert open_job_key(wrapped, READER) == key
    with pytest.raises(ResultRejected):
        open_job_key(wrapped, STRANGER)


@pytest.mark.parametrize(
    "wrapped",
    [b"", b"junk", seal(b"too short", [READER.recipient]), b"x" * 5000],
    ids=["empty", "junk", "short", "long"],
)
def test_attack_requester_hands_junk__is_told_from_a_key(wrapped: bytes) -> None:
    with pytest.raises(ResultRejected):
        open_job_key(wrapped, READER)


# ---- sealed parts


def test_blob__sealed__opens_with_its_key_alone(tmp_path) -> None:
    source, target = tmp_path / "sealed", tmp_path / "plain"
    source.write_bytes(seal_blob(b"code" * 50_000, KEY))
    open_file(source, target, KEY)
    assert target.read_bytes() == b"code" * 50_000
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(ResultRejected, match="does not open"):
        open_file(source, tmp_path / "other", OTHER)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("at", [0, 300, -1], ids=["header", "body", "end"])
def test_blob__altered__does_not_open(tmp_path, at: int) -> None:
    data = bytearray(seal_blob(b"code" * 1000, KEY))
    data[at] ^= 1
    (tmp_path / "sealed").write_bytes(data)
    with pytest.raises(ResultRejected):
        open_file(tmp_path / "sealed", tmp_path / "plain", KEY)


def test_pack__private__no_blob_and_no_spec_shows_code_arguments_or_inputs() -> None:
    job = packed()
    for blob in (*job.blobs, job.spec.to_bytes()):
        assert SECRET.encode() not in blob
        assert b"return" not in blob
        assert POINTS.tobytes()[:32] not in blob


def test_pack__private__its_owner_and_recipients_find_the_keys_and_nobody_else() -> None:
    job = packed()
    keys = job_keys(job.spec, READER)
    assert keys is not None and keys == job_keys(job.spec, OWNER)
    bundle, arguments, points = job.blobs
    assert b"def train" in open_sealed(bundle, Identity.from_seed(keys.blob(BUNDLE)))
    assert open_sealed(arguments, Identity.from_seed(keys.blob(ARGUMENTS))) == canonical_json({"recipe": SECRET})
    assert POINTS.tobytes() in open_sealed(points, Identity.from_seed(keys.blob(label_of("points"))))
    with pytest.raises(Exception, match="use the identity that submitted it"):
        job_keys(job.spec, STRANGER)


def test_pack__private_twice__nothing_is_the_same() -> None:
    assert not set(packed().blobs) & set(packed().blobs)


@pytest.mark.parametrize("tier", ["replicate", "accept"])
def test_pack__private_with_another_tier__says_which_one_to_take(tier: str) -> None:
    with pytest.raises(SpecInvalid, match="choose verify='audit'"):
        packed(verify=tier)


def test_spec__private__comes_back_from_its_bytes() -> None:
    spec = packed().spec
    assert JobSpec.from_bytes(spec.to_bytes()) == spec
    assert job_keys(replace(spec, private=None), STRANGER) is None


def test_spec__public__says_nothing_of_privacy() -> None:
    assert b"private" not in packed(private=False).spec.to_bytes()


def test_spec__private_with_open_arguments__is_refused() -> None:
    with pytest.raises(SpecInvalid, match="leave arguments empty"):
        replace(packed().spec, arguments={"recipe": SECRET})


# ---- keyed roots


def test_roots__same_weights_in_two_private_jobs__are_unrelated() -> None:
    roots = {payload_root(WEIGHTS), payload_root(WEIGHTS, KEYS.roots), payload_root(WEIGHTS, JobKeys.of(OTHER).roots)}
    assert len(roots) == 3


def test_roots__with_the_key__are_the_same_for_everybody() -> None:
    assert payload_root(WEIGHTS, KEYS.roots) == payload_root(WEIGHTS, JobKeys.of(KEY).roots)


def test_roots__of_json_and_metrics__are_keyed_too() -> None:
    """Few digits: without a key anybody could try them all."""
    assert part_root((), b"{}", KEYS.roots) != part_root((), b"{}")
    points = [{"loss": 0.5}]
    assert len({metrics_digest(points), metrics_digest(points, KEYS.roots), metrics_digest(points, NO_KEYS.roots)}) == 3


# ---- terms


def test_terms__of_a_private_job__lie_above_the_others() -> None:
    private = replace(PLAN, wrap_time=120, share_bps=1_000)
    word = int.from_bytes(private.pack(), "big")
    assert (word >> 208 & 0xFFFFFFFF, word >> 240) == (120, 1_000)
    assert word % (1 << 208) == int.from_bytes(PLAN.pack(), "big")
    assert AuditTerms.unpack(private.pack()) == private and private.private and not PLAN.private
    assert private.missed_pay(1_000_009) == 100_000


def test_handing__unnamed__is_as_long_as_a_worker_has_to_answer_within_the_work_time() -> None:
    assert Handing().added_to(PLAN, 600, 20).wrap_time == 20
    assert Handing().added_to(PLAN, 15, 20).wrap_time == 15
    assert Handing(90, 25).added_to(PLAN, 600, 20).share_bps == 2_500


@pytest.mark.parametrize("handing", [Handing(601), Handing(10, 101), Handing(10, -1)], ids=["long", "much", "less"])
def test_handing__that_no_board_would_take__is_refused(handing: Handing) -> None:
    with pytest.raises(SpecInvalid):
        handing.added_to(PLAN, 600, 20)
