"""What this machine remembers of a batch: its name and the ids of its jobs, so that a process that died loses nothing.

All else is on chain and in the store. A note is written before the jobs in it are posted.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorgrid.domain import schema
from tensorgrid.domain.encoding import parse_json
from tensorgrid.domain.errors import JobUnknown, SpecInvalid
from tensorgrid.domain.jobs import JobId

FOLDER = "batches"
VERSION = 1
MOST_JOBS = 100_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_KEYS = ("version", "root", "count", "jobs")


@dataclass(slots=True)
class BatchNote:
    """root: of its items, 32 bytes. jobs: in the order of posting, those posted again too."""

    path: Path
    root: bytes
    count: int
    jobs: tuple[JobId, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @classmethod
    def begin(cls, home: Path, name: str | None, root: bytes, count: int) -> BatchNote:
        """`name`: None for one that is drawn. Raises SpecInvalid for a name that is taken, or is none."""
        chosen = f"{root[:4].hex()}-{secrets.token_hex(4)}" if name is None else name
        path = _path(home, chosen)
        if path.exists():
            raise SpecInvalid(f"there is a batch {chosen!r} already: go on with client.batch({chosen!r}), or rename")
        return cls(path, root, count)

    @classmethod
    def load(cls, home: Path, name: str) -> BatchNote:
        """Raises JobUnknown where there is none, SpecInvalid for a damaged one."""
        path = _path(home, name)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise JobUnknown(f"no batch {name!r} under {path.parent}; give the ids of its jobs instead") from error
        found = schema.fields(parse_json(data, "the note of a batch"), _KEYS, "the note of a batch")
        schema.version(found["version"], VERSION, "the note of a batch")
        jobs = tuple(JobId(schema.job(one, "jobs")) for one in schema.listed(found["jobs"], MOST_JOBS, "jobs"))
        return cls(path, schema.bytes32(found["root"], "root"), found["count"], jobs)

    def add(self, jobs: Sequence[JobId]) -> None:
        """At once or not at all. Raises OSError."""
        self.jobs = (*self.jobs, *jobs)
        told = {
            "version": VERSION,
            "root": "0x" + self.root.hex(),
            "count": self.count,
            "jobs": ["0x" + job.hex() for job in self.jobs],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_name(f"{self.path.name}.tmp")
        draft.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        draft.replace(self.path)


def _path(home: Path, name: str) -> Path:
    return home / FOLDER / f"{schema.matching(name, _NAME, 'the name of a batch')}.json"
