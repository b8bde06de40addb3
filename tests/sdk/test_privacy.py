from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain import bech32
from tensorgrid.domain.errors import KeyMissing, ResultRejected, SpecInvalid
from tensorgrid.privacy import Identity, open_sealed, recipient_bytes, recipient_text, seal, sealed_size_limit

REQUESTER, OTHER = Identity.from_seed(b"\1" * 32), Identity.from_seed(b"\2" * 32)
FIELD = 2**255 - 19
SMALL_ORDER = [
    0,
    1,
    FIELD - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
# the same points once more, spelled as other numbers; and one that is no number of the field at all
ALIASES = [FIELD, FIELD + 1, *(2**255 + point for point in SMALL_ORDER), 2**256 - 1]


class TestSealing:
    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=200_000))
    def test_opens_for_each_recipient_and_nobody_else(self, data: bytes) -> None:
        sealed = seal(data, [REQUESTER.recipient, OTHER.recipient])
        assert open_sealed(sealed, REQUESTER) == open_sealed(sealed, OTHER) == data
        with pytest.raises(ResultRejected, match="does not open"):
            open_sealed(sealed, Identity.generate())
        assert len(sealed) <= sealed_size_limit(len(data))

    def test_every_sealed_file_differs(self) -> None:
        assert seal(b"same", [REQUESTER.recipient]) != seal(b"same", [REQUESTER.recipient])

    def test_limit_holds_for_the_most_recipients(self) -> None:
        recipients = [Identity.generate().recipient for _ in range(16)]
        assert len(seal(bytes(65_536), recipients)) <= sealed_size_limit(65_536)

    @pytest.mark.parametrize(
        "recipients", [[], ["age1"], [REQUESTER.secret], ["age1" + "q" * 58], ["ssh-ed25519 AAAA"]]
    )
    def test_no_such_recipient(self, recipients: list[str]) -> None:
        with pytest.raises(SpecInvalid):
            seal(b"data", recipients)

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def test_no_bytes_crash_the_opener(self, data: bytes) -> None:
        with pytest.raises(ResultRejected):
            open_sealed(data, REQUESTER)

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, 10**6), st.integers(0, 7))
    def test_no_flipped_bit_opens(self, place: int, bit: int) -> None:
        sealed = bytearray(seal(b"payload" * 20, [REQUESTER.recipient]))
        sealed[place % len(sealed)] ^= 1 << bit
        with pytest.raises(ResultRejected):
            open_sealed(bytes(sealed), REQUESTER)

    def test_size_is_capped_before_opening(self) -> None:
        sealed = seal(bytes(1000), [REQUESTER.recipient])
        with pytest.raises(ResultRejected, match="at most 1000"):
            open_sealed(sealed, REQUESTER, max_bytes=1000)


class TestRecipients:
    @given(st.binary(min_size=32, max_size=32))
    def test_text_and_bytes_are_one(self, seed: bytes) -> None:
        recipient = Identity.from_seed(seed).recipient
        assert recipient_text(recipient_bytes(recipient)) == recipient

    @pytest.mark.parametrize("point", SMALL_ORDER + ALIASES)
    def test_attack_recipient_of_small_order_aborts_a_worker(self, point: int) -> None:
        """The sealing library panics on these: no spec may carry one, in any spelling."""
        key = point.to_bytes(32, "little")
        text = bech32.encode("age", key)
        for refuse in (lambda: recipient_text(key), lambda: recipient_bytes(text), lambda: seal(b"x", [text])):
            with pytest.raises(SpecInvalid, match="no usable X25519 key"):
                refuse()

    @given(st.binary(max_size=60).filter(lambda key: len(key) != 32))
    def test_keys_of_another_length(self, key: bytes) -> None:
        with pytest.raises(SpecInvalid, match="32 bytes"):
            recipient_text(key)

    @given(st.integers(4, 61), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
    def test_one_wrong_character_is_noticed(self, place: int, character: str) -> None:
        text = REQUESTER.recipient
        changed = text[:place] + character + text[place + 1 :]
        if changed != text:
            with pytest.raises(SpecInvalid):
                recipient_bytes(changed)

    @given(st.text(max_size=80))
    def test_no_text_crashes_the_parser(self, text: str) -> None:
        for candidate in (text, "age1" + text):
            with pytest.raises(SpecInvalid):
                recipient_bytes(candidate)


class TestIdentity:
    def test_seed_gives_the_same_pair(self) -> None:
        assert Identity.from_seed(b"\1" * 32).secret == REQUESTER.secret
        # the secret is the seed, in age's own spelling
        assert bech32.decode("age-secret-key-", REQUESTER.secret.lower()) == b"\1" * 32

    def test_file_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "keys" / "identity"
        REQUESTER.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert Identity.load(path).recipient == REQUESTER.recipient
        with pytest.raises(KeyMissing, match="not overwritten"):
            OTHER.save(path)
        path.chmod(0o640)
        with pytest.raises(KeyMissing, match="chmod 600"):
            Identity.load(path)

    @pytest.mark.parametrize(
        "content", ["", "# only a comment\n", "AGE-SECRET-KEY-1QQQ\n", f"{REQUESTER.secret}\n{OTHER.secret}\n"]
    )
    def test_file_without_one_key(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "identity"
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(KeyMissing) as caught:
            Identity.load(path)
        assert REQUESTER.secret not in str(caught.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(KeyMissing, match="no readable key"):
            Identity.load(tmp_path / "absent")

    @pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
    def test_seed_of_another_length(self, seed: bytes) -> None:
        with pytest.raises(KeyMissing):
            Identity.from_seed(seed)

    def test_secrets_stay_out_of_text_and_tracebacks(self) -> None:
        assert REQUESTER.secret not in repr(REQUESTER) + str(REQUESTER) + f"{REQUESTER}"
        with pytest.raises(KeyMissing) as caught:
            Identity(REQUESTER.secret[:-1])
        assert REQUESTER.secret[:30] not in str(caught.value)
        assert caught.value.__cause__ is None
