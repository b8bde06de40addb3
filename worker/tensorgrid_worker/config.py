"""All settings, typed: a TOML file, and variables TENSORGRID_WORKER_* that win over it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tensorgrid.domain.errors import TensorgridError

PREFIX = "TENSORGRID_WORKER_"
PATHS = ("deployment", "keystore", "password_file", "home")
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

    hardware_class: str = "cpu"
    sandbox: Literal["auto", "bubblewrap", "none"] = "auto"
    allow_no_sandbox: bool = False

    poll_seconds: float = Field(default=0.7, gt=0, le=60)
    confirmations: int = Field(default=0, ge=0, le=256)
    stagger_seconds: int = Field(default=3, ge=0, le=600)  # between workers that could all close the same job
    settle_patience_seconds: int = Field(default=30, ge=0, le=3600)  # for a commit to settle with
    resend_seconds: float = Field(default=30, gt=0)  # a transaction not mined by then is sent again, for more
    drain_seconds: float = Field(default=3600, ge=0)  # after SIGTERM: most that jobs in progress may still take

    accepted_tokens: list[str] = Field(default_factory=list)  # symbols or addresses; empty: all of the deployment
    min_price: int = Field(default=0, ge=0)
    max_stake: int = Field(default=0, ge=0)  # locked per job, stake-token units; 0: ten times the network's least
    min_reveal_seconds: int = Field(default=10, ge=0)  # silence costs the stake: what one reveal may take, at worst
    max_wall_seconds: int = Field(default=3600, ge=1)
    min_progress_seconds: float = Field(default=2, gt=0)  # each one is a transaction that this worker pays for
    work_margin_seconds: int = Field(default=10, ge=0)  # start, sealing, storing and committing beside the wall time
    max_memory_bytes: int = Field(default=8 * GIB, ge=64 * MIB)
    max_output_bytes: int = Field(default=256 * MIB, ge=1)
    max_input_bytes: int = Field(default=1 * GIB, ge=1)
    max_threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    tmp_bytes: int = Field(default=512 * MIB, ge=MIB)
    max_processes: int = Field(default=256, ge=8)

    @field_validator("accepted_tokens", mode="before")
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


def load_config(path: Path | None) -> WorkerConfig:
    """From a TOML file (relative paths are relative to it) and the environment. Raises ConfigInvalid."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigInvalid(f"cannot read {path}: {error.strerror}; pass --config FILE") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigInvalid(f"{path} is not TOML: {error}") from error
        for name in PATHS:
            if isinstance(values.get(name), str):
                values[name] = str(path.resolve().parent / Path(values[name]).expanduser())
    try:
        return WorkerConfig(**values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise ConfigInvalid(f"{wrong}; set it in {path or 'a file given by --config'} or as {PREFIX}<NAME>") from error
