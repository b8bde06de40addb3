"""The text of worker.toml as `init` writes it: every line says what it is for; what has a good default is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import TensorgridError


class NotWritable(TensorgridError):
    """A text that cannot stand in a settings file."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Settings of all identities. `min_price`: units of the pay token."""

    rpc_url: str
    deployment: Path
    store: str
    home: Path
    min_price: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One identity. `name` is empty where there is one only; `gpu`: a UUID, or "none"."""

    name: str
    gpu: str
    hardware_class: str


def text_of(shared: Shared, entries: Sequence[Entry]) -> str:
    """TOML with comments. Raises NotWritable."""
    several = bool(entries[0].name)
    lines = [
        "# Settings of tensorgrid-worker, written by `tensorgrid-worker init`. The how-to 'Run a worker'",
        "# tells of all. Relative paths are relative to this file; TENSORGRID_WORKER_<NAME> variables win over it.",
        "",
        "# The node that is asked about the chain, and the contracts to work for.",
        _line("rpc_url", shared.rpc_url),
        _line("deployment", shared.deployment),
        "# Nodes of other operators: with one, a lying node cannot make this worker work for nothing.",
        "# witness_urls = []",
        "",
        "# Where jobs and results are kept; requesters must reach it too.",
        _line("store", shared.store),
        "# Journal, scratch and logs. Nobody else's folder.",
        _line("home", "."),
        "",
        "# Least price of a job, in the pay token's smallest unit.",
        _line("min_price", shared.min_price),
        "# Without bubblewrap the worker does not start. On a machine that you can afford to lose:",
        "# allow_no_sandbox = true",
        "# Metrics and health on 127.0.0.1, with the token in home/health.token. 0: none.",
        "# health_port = 9464",
    ]
    for entry in entries:
        lines += (
            ["", "[[worker]] # one GPU, one key, one folder in home", _line("name", entry.name)] if several else [""]
        )
        lines += _entry(entry)
    return "\n".join(lines) + "\n"


def _entry(entry: Entry) -> list[str]:
    folder = f"{entry.name}/" if entry.name else ""
    return [
        "# The hot key: signs takes, commitments and reveals, and pays their gas. It owns no stake and no pay.",
        _line("keystore", f"{folder}hot.json"),
        _line("password_file", f"{folder}hot.password"),
        '# What is sold, and on what: a GPU by its UUID, or "none" for the CPU.',
        _line("hardware_class", entry.hardware_class),
        _line("gpu", entry.gpu),
        "# Jobs at once.",
        _line("capacity", 1),
    ]


def _line(name: str, value: Any) -> str:
    return f"{name} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise NotWritable(f"{text!a} cannot stand in a settings file; use another path or URL")
    return f'"{text}"'
