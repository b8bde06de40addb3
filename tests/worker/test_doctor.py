"""Each prerequisite: green, or red with what mends it; and doctor itself never falls ill."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account

from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.records import Allocation, Standing
from tensorgrid.domain.errors import Unreachable
from tensorgrid.domain.jobs import ZERO_ADDRESS, hardware_class
from tensorgrid.domain.money import Token
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid_worker.capability import fingerprints
from tensorgrid_worker.capability.fingerprints import Fingerprint
from tensorgrid_worker.config import Fleet, WorkerConfig
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.membership import chain_checks, machine_checks
from tensorgrid_worker.membership.checks import Check, Mark, asked, green, red
from tensorgrid_worker.membership.doctor import examine, fit

HOT = Account.from_key("0x" + "11" * 32)
COLD = "0x" + "2" * 40
UNIT = 10**18


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    keystore, password = tmp_path / "hot.json", tmp_path / "hot.password"
    keystore.touch(mode=0o600)
    password.touch(mode=0o600)
    keystore.write_text(json.dumps(Account.encrypt(HOT.key, "word", kdf="pbkdf2", iterations=1)))
    password.write_text("word\n")
    tmp_path.chmod(0o700)
    return WorkerConfig(
        rpc_url="http://127.0.0.1:1", deployment=tmp_path / "d.json", keystore=keystore, password_file=password,
        store=str(tmp_path / "store"), home=tmp_path,
    )  # fmt: skip


def fleet(config: WorkerConfig) -> Fleet:
    return Fleet((config,), config.home)


def named(checks: Any, name: str) -> Check:
    [found] = [check for check in checks if check.name == name]
    return found


def test_examine__nothing_there__every_line_has_a_fix_and_none_raises(config: WorkerConfig) -> None:
    found = list(examine(fleet(config)))
    assert not fit(found)
    assert all(check.fix for check in found if check.mark is Mark.RED)
    assert {"python", "torch", "sandbox", "disk", "gpu", "key", "store", "contracts"} <= {c.name for c in found}
    assert named(found, "store").mark is Mark.GREEN and named(found, "key").mark is Mark.GREEN


def test_key__others_can_read_it__red_with_the_command(config: WorkerConfig) -> None:
    config.password_file.chmod(0o644)
    check = named(machine_checks.of_key(config), "key")
    assert check.mark is Mark.RED and check.fix == f"chmod 600 {config.password_file}"


def test_key__does_not_open__red_and_quotes_no_password(config: WorkerConfig) -> None:
    config.password_file.write_text("wrong secret")
    check = named(machine_checks.of_key(config), "key")
    assert check.mark is Mark.RED and "wrong secret" not in check.line()


def test_torch__older_than_the_hole_in_weights_only__red(monkeypatch: pytest.MonkeyPatch, config: WorkerConfig) -> None:
    monkeypatch.setattr(machine_checks, "version", lambda _: "2.9.1+cu128")
    check = named(machine_checks.of_machine(fleet(config)), "torch")
    assert check.mark is Mark.RED and "torch>=2.10" in check.fix


def test_sandbox__no_bubblewrap__red_and_how_to_install(monkeypatch: pytest.MonkeyPatch, config: WorkerConfig) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    check = named(machine_checks.of_machine(fleet(config)), "sandbox")
    assert check.mark is Mark.RED and "install" in check.fix


def test_user__root__red_unless_allowed_and_never_green(monkeypatch: pytest.MonkeyPatch, config: WorkerConfig) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(machine_checks, "root_problem", lambda: "root, and nothing counts processes; do not")
    assert named(machine_checks.of_machine(fleet(config)), "user").mark is Mark.RED
    allowed = config.model_copy(update={"allow_root": True})
    assert named(machine_checks.of_machine(fleet(allowed)), "user").mark is Mark.YELLOW


def test_disk__less_than_its_jobs_may_need__red(config: WorkerConfig) -> None:
    large = config.model_copy(update={"max_input_bytes": 1 << 60})
    assert named(machine_checks.of_machine(fleet(large)), "disk").mark is Mark.RED


def test_gpu__wanted_and_not_there_or_without_its_device_file__red(config: WorkerConfig) -> None:
    wanted = config.model_copy(update={"gpu": "GPU-0"})
    assert named(machine_checks.of_gpu(wanted, []), "gpu").mark is Mark.RED
    bare = Gpu(0, 0, "GPU-0", "NVIDIA H100", 80 << 30, "580", ())
    check = named(machine_checks.of_gpu(wanted, [bare]), "gpu")
    assert check.mark is Mark.RED and "nvidia-modprobe" in check.fix


def contracts(**said: Any) -> Any:
    s = SimpleNamespace(
        **{"provider": COLD, "gas": UNIT, "active": 300 * UNIT, "lockable": 300 * UNIT, "class": "cpu", "capacity": 1}
        | said
    )
    profile = WorkerProfile(payout=COLD, hardware_class=hardware_class(getattr(s, "class")))
    return SimpleNamespace(
        board=SimpleNamespace(address=COLD),
        connection=SimpleNamespace(balance=lambda _: s.gas, latest=lambda: BlockRef(1, "0x", 1, "0x", 10**9)),
        deployment=SimpleNamespace(stake_token=Token(COLD, "TGS", 18)),
        parameters=SimpleNamespace(
            values=lambda: SimpleNamespace(min_stake=100 * UNIT), class_allowed=lambda tag: tag == hardware_class("cpu")
        ),
        registry=SimpleNamespace(
            standing=lambda _: Standing(s.provider, COLD, 0, s.capacity, b""), profile_of=lambda _: profile
        ),
        vault=SimpleNamespace(
            allocation_of=lambda *_: Allocation(s.active, s.active - s.lockable, 0, 0, False),
            lockable=lambda *_: s.lockable,
        ),
    )


@pytest.mark.parametrize(
    ("said", "name", "mark"),
    [
        ({}, "stake", Mark.GREEN),
        ({"provider": ZERO_ADDRESS}, "registration", Mark.RED),
        ({"gas": 0}, "gas", Mark.RED),
        ({"active": 99 * UNIT, "lockable": 0}, "stake", Mark.RED),
        ({"lockable": 0}, "stake", Mark.YELLOW),
        ({"class": "h100-sxm"}, "class", Mark.RED),
        ({"capacity": 0}, "capacity", Mark.RED),
        ({}, "capability", Mark.YELLOW),  # never measured
    ],
)
def test_of_worker__what_the_chain_says(config: WorkerConfig, said: dict[str, Any], name: str, mark: Mark) -> None:
    check = named(chain_checks.of_worker(config, contracts(**said), []), name)
    assert check.mark is mark, check.line()
    assert bool(check.fix) == (mark is not Mark.GREEN)


def test_asked__a_probe_that_raises__red_with_the_errors_own_advice() -> None:
    def away() -> Check:
        raise Unreachable("http://x does not answer; check the URL")

    def bug() -> Check:
        raise ZeroDivisionError("x")

    first, second = asked("node", [away, bug])
    assert (first.mark, first.found, first.fix) == (Mark.RED, "http://x does not answer", "check the URL")
    assert second.mark is Mark.RED and second.fix


def test_line__hostile_text__cannot_steer_a_terminal() -> None:
    assert "\x1b" not in red("node", "\x1b[2Jall green\nfit", "x").line() and "\n" not in green("x", "a\nb").line()


def test_fit__yellow_is_no_reason_to_stay_out() -> None:
    assert fit([Check("x", Mark.YELLOW, ""), green("y", "")]) and not fit([red("z", "", "mend")])


def test_fingerprint__never_taken_stale_unregistered_registered(config: WorkerConfig) -> None:
    def found(registered: bytes = b"\0" * 32) -> Check:
        chain = contracts()
        profile = chain.registry.profile_of(COLD)
        chain.registry.profile_of = lambda _: replace(profile, fingerprint=registered)
        return named(chain_checks.of_worker(config, chain, []), "fingerprint")

    here = Fingerprint({"torch": "2.13"}, fingerprints.machine.fingerprint([]), 0)
    assert found().mark is Mark.YELLOW and "register" in found().fix
    replace(here, machine={"torch": "another"}).save(config.home)
    assert "another machine" in found(here.digest).found
    here.save(config.home)
    assert found(b"\1" * 32).mark is Mark.YELLOW and here.digest.hex()[:12] in found(b"\1" * 32).found
    assert found(here.digest).mark is Mark.GREEN


@pytest.mark.parametrize(("reached", "mark"), [(2.0, Mark.GREEN), (0.5, Mark.YELLOW)])
def test_speed__short_of_its_class__says_that_it_would_take_nothing_and_what_to_do(
    tmp_path: Path, reached: float, mark: Mark
) -> None:
    wanted = table()["cpu"]
    parts = {name: Part(reached * value, "op/s", True) for name, value in wanted.references.items()}
    found = Measured(class_name="cpu", score=0, parts=parts, device="cpu", device_name="a cpu")
    Record((found,), 1, "ab", {}).save(tmp_path)
    config: Any = SimpleNamespace(home=tmp_path, hardware_class="cpu")
    (check,) = machine_checks.of_speed(config)
    assert check.mark is mark
    if mark is Mark.YELLOW:
        assert "take no job" in check.found and "bench" in check.fix and "[classes]" in check.fix
    Path(tmp_path / "capability.json").write_text("{")
    (check,) = machine_checks.of_speed(config)
    assert check.mark is Mark.YELLOW and "bench" in check.fix


def test_speed__never_measured__nothing_is_said(tmp_path: Path) -> None:
    config: Any = SimpleNamespace(home=tmp_path, hardware_class="cpu")
    assert list(machine_checks.of_speed(config)) == []
