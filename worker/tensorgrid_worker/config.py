"""All settings, typed: a TOML file, and variables TENSORGRID_WORKER_* that win over it."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tensorgrid.domain.errors import TensorgridError

PREFIX = "TENSORGRID_WORKER_"
PATHS = ("deployment", "keystore", "password_file", "home", "distance_bounds")
TABLES = "worker"  # [[worker]]: one identity each
MAX_WORKERS = 64
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MIB = 1 << 20
GIB = 1 << 30


class ConfigInvalid(TensorgridError):
    """A setting that is missing, unknown or out of range. Names it and says where settings come from."""


class WorkerConfig(BaseSettings):
    """Sizes in bytes, times in seconds, prices in the payment token's smallest unit. Paths of secrets, no secret."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    rpc_url: str
    deployment: Path  # file that names the contracts
    keystore: Path  # encrypted JSON of the worker's hot key
    password_file: Path
    store: str  # file:///…, a folder, http://host:port (Kubo RPC), ipfshttpclient:/ip4/…
    home: Path  # journal, scratch, logs; nobody else's

    name: str = ""  # of one identity among several; a folder of this name in home is its own
    gpu: str = ""  # "none", or an index or UUID; empty: all of them
    hardware_class: str = "cpu"
    sandbox: Literal["auto", "bubblewrap", "container", "none"] = "auto"
    allow_no_sandbox: bool = False
    audited_jobs: bool = False  # as worker or auditor: a tier that is still being proven, see the threat model
    dispute_bond: bool = True  # audited jobs only while it lies ready: who cannot contest is at the mercy of accusers
    distance_bounds: Path | None = None  # honest distances across fingerprints; empty: the file that ships
    allow_root: bool = False  # root where no cgroup bounds how many processes a job starts
    container_image: str = ""  # made by the operator, with Python and this package; empty: the host's own

    poll_seconds: float = Field(default=0.7, gt=0, le=60)
    confirmations: int = Field(default=0, ge=0, le=256)
    stagger_seconds: int = Field(default=3, ge=0, le=600)  # between workers that could all close the same job
    settle_patience_seconds: int = Field(default=30, ge=0, le=3600)  # for a commit to settle with
    resend_seconds: float = Field(default=30, gt=0)  # a transaction not mined by then is sent again, for more
    max_fee_gwei: float = Field(default=0, ge=0)  # above it sending waits until a deadline nears; 0: no bound
    urgent_seconds: float = Field(default=120, ge=0)  # of chain time before a deadline, when any fee is paid
    witness_urls: list[str] = Field(default_factory=list)  # other nodes that must tell the same story as ours
    beacon_relays: list[str] = Field(default_factory=list)  # of drand's rounds, none trusted; empty: the deployment's
    finality_blocks: int = Field(default=0, ge=0, le=256)  # below the head, where nodes are compared; 0: by the chain
    witness_patience_seconds: float = Field(default=600, gt=0)  # silence of all, then nothing new is taken
    drain_abandons: bool = False  # when told to drain: end audited jobs early, and be paid for what is done
    drain_seconds: float = Field(default=3600, ge=0)  # after SIGTERM: most that jobs in progress may still take

    accepted_tokens: list[str] = Field(default_factory=list)  # symbols or addresses; empty: all of the deployment
    min_price: int = Field(default=0, ge=0)
    max_stake: int = Field(default=0, ge=0)  # locked per job, stake-token units; 0: ten times the network's least
    min_reveal_seconds: int = Field(default=10, ge=0)  # silence costs the stake: what one reveal may take, at worst
    min_missed_share: int = Field(default=1, ge=0, le=100)  # percent of a private job's price when no key is handed
    max_wall_seconds: int = Field(default=3600, ge=1)
    min_progress_seconds: float = Field(default=30, gt=0)  # each one is a transaction that this worker pays for
    snapshot_segments: int = Field(default=25, ge=0, le=4096)  # of audited jobs, each a transaction; 0: none; see docs
    work_margin_seconds: int = Field(default=10, ge=0)  # start, sealing, storing and committing beside the wall time
    max_memory_bytes: int = Field(default=8 * GIB, ge=64 * MIB)
    max_output_bytes: int = Field(default=256 * MIB, ge=1)
    max_input_bytes: int = Field(default=1 * GIB, ge=1)
    max_state_bytes: int = Field(default=4 * GIB, ge=1)  # that an audited job may keep of its states
    waiting_input_bytes: int = Field(default=4 * GIB, ge=1)  # of all jobs fetched and not taken; the oldest give way
    capacity: int = Field(default=1, ge=1, le=1000)  # jobs that run at once; also seats that it takes and has not done
    max_threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    tmp_bytes: int = Field(default=512 * MIB, ge=MIB)
    max_processes: int = Field(default=256, ge=8)

    classes: dict[str, int] = Field(default_factory=dict)  # lower classes we agree to be moved to -> price; see docs
    capability_days: float = Field(default=7, ge=0)  # after which an idle machine is measured again; 0: never
    capability_seconds: float = Field(default=20, gt=0, le=600)  # about how long one device is measured
    heartbeat_seconds: int = Field(default=21_600, ge=0)  # of silence before a sign of life on chain; 0: none

    policy: dict[str, dict[str, Any]] = Field(default_factory=dict)  # [policy.NAME] tables, see policy/
    health_port: int = Field(default=0, ge=0, le=65535)  # on 127.0.0.1 only, with the token of home; 0: no endpoint
    job_log_days: float = Field(default=30, gt=0)  # logs of jobs are kept so long ...
    job_log_megabytes: int = Field(default=256, ge=1)  # ... and so many of them

    @field_validator("accepted_tokens", "witness_urls", "beacon_relays", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class Fleet:
    """The identities that one process works for. `home`: the folder they share; of a single one, its own."""

    workers: tuple[WorkerConfig, ...]
    home: Path
    file: Path | None = None

    def one(self, name: str = "") -> WorkerConfig:
        """By its name, which may be left out where there is only one. Raises ConfigInvalid."""
        found = [config for config in self.workers if name in ("", config.name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(config.name for config in self.workers if config.name) or "none that has a name"
        raise ConfigInvalid(f"which worker? pass --worker with one of: {names}")

    def changed(self, **settings: Any) -> Fleet:
        """A copy in which all have these settings."""
        return replace(self, workers=tuple(one.model_copy(update=settings) for one in self.workers))

    def some(self, name: str = "") -> tuple[WorkerConfig, ...]:
        """All, or the one of that name. Raises ConfigInvalid."""
        return (self.one(name),) if name else self.workers


def load_config(path: Path | None, name: str = "") -> WorkerConfig:
    """The one worker of a file, or the one of that name. Raises ConfigInvalid, as `load_fleet` does."""
    return load_fleet(path).one(name)


def load_fleet(path: Path | None) -> Fleet:
    """From a TOML file (relative paths are relative to it) and the environment. Without [[worker]] tables it is one
    worker; with them the settings above hold for all, and each table changes them for one. Raises ConfigInvalid.
    """
    values = {} if path is None else _read(path)
    tables = values.pop(TABLES, None)
    if tables is None:
        config = _validated(values, path, "")
        return Fleet((config,), config.home, path)
    if not isinstance(tables, list) or not 1 <= len(tables) <= MAX_WORKERS or not isinstance(values.get("home"), str):
        raise ConfigInvalid(
            f"{path}: needs a home for all, and 1 to {MAX_WORKERS} [[worker]] tables; see `init --help`"
        )
    home = Path(values["home"])
    workers = tuple(
        _validated(_merged(values, table, home, path), path, f"[[worker]] {i}: ") for i, table in enumerate(tables, 1)
    )
    for setting in ("name", "home", "keystore"):
        if len({getattr(config, setting) for config in workers}) < len(workers):
            raise ConfigInvalid(
                f"{path}: two workers have the same {setting}; give each its own, in its [[worker]] table"
            )
    return Fleet(workers, home, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(f"cannot read {path}: {error.strerror}; pass --config FILE") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path} is not TOML: {error}") from error
    return _anchored(values, path)


def _anchored(values: dict[str, Any], path: Path) -> dict[str, Any]:
    paths = {name: values[name] for name in PATHS if isinstance(values.get(name), str)}
    store = values.get("store")
    if isinstance(store, str) and ":" not in store:  # a folder, not an address
        paths["store"] = store
    return values | {name: str(path.resolve().parent / Path(text).expanduser()) for name, text in paths.items()}


def _merged(shared: dict[str, Any], table: Any, home: Path, path: Path | None) -> dict[str, Any]:
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigInvalid(
            f"{path}: each [[worker]] needs a name of a-z, 0-9 and -, such as gpu0; it names its folder"
        )
    assert path is not None
    # one endpoint tells of all of them: it is the process's, not an identity's
    return shared | {"home": str(home / name)} | _anchored(table, path)


def _validated(values: dict[str, Any], path: Path | None, where: str) -> WorkerConfig:
    try:
        return WorkerConfig(**values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        source = path or "a file given by --config"
        raise ConfigInvalid(f"{where}{wrong}; set it in {source} or as {PREFIX}<NAME>") from error
