"""What the audit tier is deployed with, before any network is asked."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from importlib.resources import files

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import UnknownDeployment

DEFAULTS = AuditTerms(
    respond_time=60,
    take_time=60,
    audit_time=600,
    move_time=600,
    segments=100,
    drawn=2,
    auditors=2,
    audit_bps=15_000,
    reaudit_bps=500,
    steps=1,
)
"""For what the network's file does not say under [audit]. `steps` is the job's own matter."""
_CLOCKS = {name: f"{name}_time" for name in ("respond", "take", "audit", "move")}


def audit_terms(network: str = "devnet") -> AuditTerms:
    """Of a shipped network. Raises UnknownDeployment."""
    try:
        said = tomllib.loads((files("tensorgrid.parameters") / f"{network}.toml").read_text()).get("audit", {})
        named = {_CLOCKS.get(name, name): value for name, value in said.items() if name != "steps"}
        known = {field.name for field in fields(AuditTerms)} & named.keys()
        terms = replace(DEFAULTS, **{name: named[name] for name in known})
        terms.pack()
    except (OSError, tomllib.TOMLDecodeError, AttributeError, TypeError, OverflowError) as error:
        raise UnknownDeployment(f"no audit parameters of {network!a}: {error}; name a shipped network") from error
    return terms
