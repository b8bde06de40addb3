"""Prerequisites that this machine has or lacks, asked without a network."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid_worker import hardware
from tensorgrid_worker.capability.classes import table
from tensorgrid_worker.capability.ladder import shortfall
from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.capability.record import load
from tensorgrid_worker.config import GIB, Fleet, WorkerConfig
from tensorgrid_worker.keys import unlock
from tensorgrid_worker.membership.checks import Check, Probe, asked, green, red, yellow
from tensorgrid_worker.sandbox import cgroups
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap
from tensorgrid_worker.sandbox.choose import root_problem, sandbox_of
from tensorgrid_worker.sandbox.toolkit import toolkit_problem

OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 10)
"""Below it torch.load(weights_only=True) can run code of the file it reads (CVE-2026-24747)."""
USERNS = Path("/proc/sys/user/max_user_namespaces")
SPARE_DISK = 1 * GIB


def of_machine(fleet: Fleet) -> Iterator[Check]:
    """Each raises nothing."""
    first = fleet.workers[0]
    probes: tuple[tuple[str, Probe], ...] = (
        ("python", _python),
        ("torch", _torch),
        ("user", lambda: _user(first)),
        ("sandbox", lambda: _sandbox(first)),
        ("seccomp", _seccomp),
        ("user namespaces", _userns),
        ("cgroups", _cgroups),
        ("disk", lambda: _disk(fleet)),
    )
    for name, probe in probes:
        yield from asked(name, [probe])


def of_gpu(config: WorkerConfig, found: list[hardware.Gpu]) -> Iterator[Check]:
    """What the settings want, and what NVML and the driver's device files show."""

    def gpu() -> Check:
        ours = hardware.chosen(found, config.gpu)
        if not ours:
            return green("gpu", "none: this worker sells its CPU")
        bare = [device for device in ours if not any(node.name == f"nvidia{device.minor}" for node in device.nodes)]
        if bare:
            return red(
                "gpu", f"no /dev/nvidia{bare[0].minor} for {bare[0].name}", "run nvidia-modprobe -u -c 0 as root"
            )
        shown = ", ".join(f"{device.name}, {device.memory_bytes / GIB:.0f} GiB" for device in ours)
        return green("gpu", f"{shown}; driver {ours[0].driver}")

    yield from asked("gpu", [gpu])
    problem = toolkit_problem()
    if problem is not None:
        # our sandbox does not use it: what it endangers is what else runs on this machine
        yield yellow("nvidia toolkit", problem, "update the NVIDIA container toolkit, or remove it")


def of_speed(config: WorkerConfig) -> Iterator[Check]:
    """What the last measurement says, where there was one: a machine that is short of its class is given no warning
    by the network, only no jobs."""
    current = table().get(config.hardware_class)
    try:
        record = load(config.home)
    except CapabilityUnknown as error:
        yield yellow("speed", str(error), "tensorgrid-worker bench")
        return
    if record is None or current is None:
        return
    found, _, fix = shortfall(current, record).partition("; ")
    yield yellow("speed", found, fix) if found else green("speed", f"{record.score(current)} of 1000")


def of_key(config: WorkerConfig) -> Iterator[Check]:
    """It opens, and nobody else on this machine can read it."""

    def key() -> Check:
        account = unlock(config.keystore, config.password_file)
        open_to_others = [path for path in (config.keystore, config.password_file) if path.stat().st_mode & 0o077]
        if open_to_others:
            paths = " ".join(map(str, open_to_others))
            return red("key", f"others can read {paths}", f"chmod 600 {paths}")
        return green("key", f"{account.address} opens")

    yield from asked("key", [key])


def _python() -> Check:
    found = sys.version.split()[0]
    if sys.version_info[:2] < OLDEST_PYTHON:
        return red("python", found, "install CPython 3.11 or newer")
    return green("python", found)


def _torch() -> Check:
    try:
        found = version("torch")
    except PackageNotFoundError:
        return red("torch", "missing", "pip install 'tensorgrid[worker]' -c constraints.txt")
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if numbers < OLDEST_TORCH:
        wanted = ".".join(map(str, OLDEST_TORCH))
        return red(
            "torch", f"{found}, which can run code of a file that it only reads", f"pip install 'torch>={wanted}'"
        )
    return green("torch", found)


def _user(config: WorkerConfig) -> Check:
    fix = "run it as a user of its own: packaging/tensorgrid-worker.service does"
    problem = root_problem()
    if problem is not None and not config.allow_root:
        return red("user", problem, fix)
    if os.geteuid() == 0:
        return yellow("user", "root: limits on processes do not bind it", fix)
    return green("user", f"uid {os.geteuid()}")


def _sandbox(config: WorkerConfig) -> Check:
    if config.sandbox == "none":
        return red("sandbox", "switched off: jobs can read your files and keys", 'sandbox = "auto" in the settings')
    try:
        found = sandbox_of(config.sandbox, hidden=(config.home,), image=config.container_image)
    except SandboxUnavailable as error:
        words, _, fix = str(error).partition(": ")
        return red("sandbox", words, fix)
    return green("sandbox", found.describe())


def _seccomp() -> Check:
    if not Bubblewrap().filtered:
        return red("seccomp", "libseccomp is missing: system calls are not filtered", "apt install libseccomp2")
    return green("seccomp", "system calls are filtered")


def _userns() -> Check:
    try:
        most = int(USERNS.read_text())
    except (OSError, ValueError):
        return yellow("user namespaces", "unknown here", "on Linux the line 'sandbox' says whether they work")
    if most < 1:
        return red("user namespaces", "forbidden", "sysctl user.max_user_namespaces=15000")
    return green("user namespaces", f"at most {most}")


def _cgroups() -> Check:
    told = cgroups.mine().describe()
    if "no " in told or "none" in told:
        fix = "let systemd delegate them: Delegate=yes in the unit, as packaging/tensorgrid-worker.service has it"
        return yellow("cgroups", told, fix)
    return green("cgroups", told)


def _disk(fleet: Fleet) -> Check:
    home = next(folder for folder in (fleet.home, *fleet.home.parents) if folder.exists())
    free = shutil.disk_usage(home).free
    need = SPARE_DISK + sum(
        config.capacity
        * (config.max_input_bytes + config.max_output_bytes + config.audited_jobs * config.max_state_bytes)
        for config in fleet.workers
    )
    said = f"{free / GIB:.1f} GiB free at {home}"
    if free < need:
        fix = "free some, or lower max_input_bytes, max_output_bytes, max_state_bytes or capacity"
        return red("disk", f"{said}, {need / GIB:.1f} GiB may be needed", fix)
    if fleet.home.exists() and stat.S_IMODE(fleet.home.stat().st_mode) & 0o077:
        return red("disk", f"others can look into {fleet.home}", f"chmod 700 {fleet.home}")
    return green("disk", said)
