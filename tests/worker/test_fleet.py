"""Several identities in one process: settings, signals, one that dies; and the file that asks for a drain."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker import control
from tensorgrid_worker.config import ConfigInvalid, load_config, load_fleet
from tensorgrid_worker.draining import drained
from tensorgrid_worker.fleet import Fleet
from tensorgrid_worker.hardware import Gpu, GpuMissing, chosen
from tensorgrid_worker.start import lock

SHARED = {"rpc_url": "http://127.0.0.1:1", "deployment": "d.json", "store": "store", "home": ".", "min_price": 7}
GPUS = [Gpu(i, i, f"GPU-{i}", "NVIDIA H100", 80 << 30, "580", ()) for i in range(2)]


def settings(folder: Path, *tables: dict[str, Any], **shared: Any) -> Path:
    path = folder / "worker.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in (SHARED | shared).items()]
    for table in tables:
        lines += ["[[worker]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    path.write_text("\n".join(lines))
    return path


def identity(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "keystore": f"{name}/hot.json", "password_file": f"{name}/hot.password"} | changes


class Daemon:
    """Runs until it is told to end, or raises at once."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.ended, self.drained, self.stopped = error, threading.Event(), False, False

    def run(self) -> None:
        if self.error is not None:
            raise self.error
        assert self.ended.wait(10)

    def drain(self) -> None:
        self.drained = True
        self.ended.set()

    def stop(self) -> None:
        self.stopped = True
        self.ended.set()


def test_load_fleet__two_tables__shared_settings_and_a_home_each(tmp_path: Path) -> None:
    found = load_fleet(settings(tmp_path, identity("gpu0", gpu="GPU-0"), identity("gpu1", gpu="GPU-1", min_price=9)))
    assert [config.home for config in found.workers] == [tmp_path / "gpu0", tmp_path / "gpu1"]
    assert [config.min_price for config in found.workers] == [7, 9]
    assert found.workers[1].keystore == tmp_path / "gpu1" / "hot.json"
    assert found.home == tmp_path


def test_load_config__one_of_several__must_be_named(tmp_path: Path) -> None:
    path = settings(tmp_path, identity("gpu0"), identity("gpu1"))
    assert load_config(path, "gpu1").name == "gpu1"
    with pytest.raises(ConfigInvalid, match="--worker with one of: gpu0, gpu1"):
        load_config(path)
    with pytest.raises(ConfigInvalid, match="--worker"):
        load_config(path, "gpu2")


def test_load_fleet__no_tables__one_worker_as_ever(tmp_path: Path) -> None:
    found = load_fleet(settings(tmp_path, keystore="k.json", password_file="p"))
    assert len(found.workers) == 1 and found.workers[0].home == tmp_path == found.home


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([identity("gpu0"), identity("gpu0")], "same name"),
        ([identity("gpu0"), identity("gpu1", keystore="gpu0/hot.json")], "same keystore"),
        ([identity("gpu0"), identity("gpu1", home="gpu0")], "same home"),
        ([identity("../x")], "needs a name"),
        ([{"keystore": "k"}], "needs a name"),
        ([identity("gpu0", no_such=1)], "no_such"),
    ],
)
def test_load_fleet__two_of_one_kind_or_bad_names__refused(
    tmp_path: Path, tables: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        load_fleet(settings(tmp_path, *tables))


def test_load_fleet__environment_gives_all_one_key__refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One nonce owner per key: a variable meant for one worker must not join two."""
    monkeypatch.setenv("TENSORGRID_WORKER_KEYSTORE", "/one/key.json")
    with pytest.raises(ConfigInvalid, match="same keystore"):
        load_fleet(settings(tmp_path, identity("gpu0"), identity("gpu1")))


def test_chosen__each_identity__sees_its_gpu_alone() -> None:
    assert chosen(GPUS, "GPU-1") == [GPUS[1]] == chosen(GPUS, "1")
    assert chosen(GPUS, "none") == [] and chosen(GPUS, "") == GPUS
    with pytest.raises(GpuMissing, match="GPU-0"):
        chosen(GPUS, "GPU-7")


def test_fleet__drained__all_end_and_nothing_is_raised() -> None:
    daemons = [Daemon(), Daemon()]
    fleet = Fleet([("0x1", daemons[0]), ("0x2", daemons[1])])
    threading.Timer(0.05, fleet.drain).start()
    fleet.run()
    assert all(daemon.drained and not daemon.stopped for daemon in daemons)


def test_fleet__one_dies__the_others_go_on_and_its_error_is_raised_at_the_end() -> None:
    healthy = Daemon()
    fleet = Fleet([("0x1", healthy), ("0x2", Daemon(TensorgridError("the key is gone")))])
    threading.Timer(0.1, fleet.drain).start()
    with pytest.raises(TensorgridError, match="the key is gone"):
        fleet.run()
    assert healthy.drained and not healthy.stopped


def test_attack_one_identity_is_made_to_fail__again_and_again__it_comes_back_alone() -> None:
    healthy, back = Daemon(), Daemon()
    lives: list[Any] = [TensorgridError("its disk is full"), Daemon(ValueError("a fault")), back]

    def again(address: str) -> Any:
        assert address == "0x2"
        life = lives.pop(0)
        if isinstance(life, Exception):
            raise life
        return life

    fleet = Fleet([("0x1", healthy), ("0x2", Daemon(KeyError("a fault")))], again=again, pause=0.01)
    thread = threading.Thread(target=fleet.run)
    thread.start()
    until = time.monotonic() + 5
    while lives and time.monotonic() < until:
        time.sleep(0.01)
    assert not lives and not healthy.drained and not healthy.stopped
    while not back.drained:  # told as soon as it is at work
        fleet.drain("0x2")
    fleet.drain()
    thread.join(5)
    assert not thread.is_alive() and healthy.drained and not healthy.stopped


def test_fleet__told_to_leave_while_one_is_away__does_not_wait_for_it() -> None:
    failing = Daemon(TensorgridError("away"))
    ended: list[str] = []
    fleet = Fleet([("0x1", failing)], ended.append, again=lambda _: Daemon(), pause=60)
    threading.Timer(0.1, fleet.drain).start()
    with pytest.raises(TensorgridError, match="away"):
        fleet.run()
    assert ended == ["0x1"]


def test_fleet__one_is_drained_alone__the_other_works_on() -> None:
    first, second = Daemon(), Daemon()
    fleet = Fleet([("0x1", first), ("0x2", second)])
    thread = threading.Thread(target=fleet.run)
    thread.start()
    first.drain()
    time.sleep(0.05)
    assert thread.is_alive() and not second.stopped
    second.drain()
    thread.join(5)
    assert not thread.is_alive()


def test_control__asked__drains_once_and_leaves_no_word_behind(tmp_path: Path) -> None:
    asked = threading.Event()
    (tmp_path / control.FILE).touch()  # meant for a daemon that is gone
    with lock(tmp_path), control.obeying(tmp_path, asked.set):
        assert not asked.wait(2 * control.LOOK_SECONDS)
        assert control.ask_to_drain(tmp_path)
        assert asked.wait(5)
    assert not (tmp_path / control.FILE).exists()


def test_control__no_daemon__nothing_is_asked(tmp_path: Path) -> None:
    assert not control.ask_to_drain(tmp_path)
    (tmp_path / "lock").touch()
    assert not control.ask_to_drain(tmp_path) and not (tmp_path / control.FILE).exists()


def test_drained__a_daemon_that_does_not_end__is_told_as_still_draining(tmp_path: Path) -> None:
    config = load_config(settings(tmp_path, keystore="k.json", password_file="p"))
    said: list[str] = []
    with (tmp_path / "lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        asked, left = drained([config], seconds=0.5, say=said.append)
    assert asked == left == [str(tmp_path)] and said
    assert drained([config], seconds=5, say=said.append) == ([], [])
