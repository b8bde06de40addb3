"""`init` without a node: whose GPU becomes what, which files are written, which are never written again."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from tensorgrid.domain.errors import KeyMissing
from tensorgrid_worker.config import load_fleet
from tensorgrid_worker.hardware import NO_GPU, Gpu
from tensorgrid_worker.keys import address_in, make_key, unlock
from tensorgrid_worker.membership.init import InitRefused, Where, identities, of_devnet, prepare
from tensorgrid_worker.membership.settings_file import Entry, NotWritable, Shared, text_of


def gpu(index: int, name: str) -> Gpu:
    return Gpu(index, index, f"GPU-{index}", name, 80 << 30, "580", ())


H100 = "NVIDIA H100 80GB HBM3"


def test_identities__two_gpus_of_a_listed_class__one_each() -> None:
    entries, notes = identities([gpu(0, H100), gpu(1, H100)], lambda _: True)
    assert entries == [Entry("gpu0", "GPU-0", "h100-sxm"), Entry("gpu1", "GPU-1", "h100-sxm")]
    assert notes == []


def test_identities__no_gpu__the_cpu_is_a_valid_answer() -> None:
    entries, notes = identities([], lambda _: True)
    assert entries == [Entry("", NO_GPU, "cpu")] and "CPU" in notes[0]


def test_identities__class_not_listed_or_model_unknown__said_and_left_out() -> None:
    entries, notes = identities([gpu(0, H100), gpu(1, "Voodoo 2")], lambda name: name == "cpu")
    assert entries == [Entry("", NO_GPU, "cpu")]
    assert "does not list its class" in notes[0] and "no class is known" in notes[1]


def test_text_of__read_back__the_settings_meant(tmp_path: Path) -> None:
    shared = Shared("https://node/key", tmp_path / 'with "quotes".json', "http://ipfs:5001", tmp_path, 5)
    path = tmp_path / "worker.toml"
    path.write_text(text_of(shared, [Entry("gpu0", "GPU-0", "h100-sxm"), Entry("gpu1", "GPU-1", "h100-sxm")]))
    found = load_fleet(path)
    assert [config.gpu for config in found.workers] == ["GPU-0", "GPU-1"]
    assert found.workers[0].deployment == shared.deployment and found.workers[0].min_price == 5
    assert found.workers[1].home == tmp_path / "gpu1"
    assert path.read_text().count("#") > 10, "a settings file that explains itself"


def test_text_of__line_break_in_a_url__refused(tmp_path: Path) -> None:
    shared = Shared('http://x"\nallow_no_sandbox = true', tmp_path, "s", tmp_path, 0)
    with pytest.raises(NotWritable):
        text_of(shared, [Entry("", NO_GPU, "cpu")])


def test_make_key__new__opens_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    keystore, password = tmp_path / "k" / "hot.json", tmp_path / "k" / "hot.password"
    address = make_key(keystore, password)
    assert unlock(keystore, password).address == address == address_in(keystore)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (keystore, password)} == {0o600}
    assert unlock(keystore, password).key.hex() not in keystore.read_text()


def test_make_key__one_is_there__never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "hot.json").write_text("mine")
    with pytest.raises(KeyMissing, match="never overwritten"):
        make_key(tmp_path / "hot.json", tmp_path / "hot.password")
    assert (tmp_path / "hot.json").read_text() == "mine"


def test_prepare__settings_are_there__refused_without_force(tmp_path: Path) -> None:
    where = Where("http://127.0.0.1:1", None, "store", tmp_path)
    where.settings.write_text("mine = 1")
    with pytest.raises(InitRefused, match="--force"):
        prepare(where, [], seconds=0)
    assert tomllib.loads(where.settings.read_text()) == {"mine": 1}


def test_of_devnet__none_runs__says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InitRefused, match="tensorgrid devnet"):
        of_devnet(tmp_path, tmp_path)
    (tmp_path / "devnet.json").write_text("{")
    with pytest.raises(InitRefused):
        of_devnet(tmp_path, tmp_path)
