"""The Dockerfile and the systemd unit, read as a linter would; neither is built or started here."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from tensorgrid_worker.cli.common import EXIT_CODES
from tensorgrid_worker.config import WorkerConfig

FOLDER = Path(__file__).parents[1] / "packaging"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (FOLDER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def unit() -> dict[str, str]:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(FOLDER / "tensorgrid-worker.service")
    return dict(parsed["Service"])


def test_dockerfile__bases__pinned_to_a_full_version() -> None:
    bases = [argument.split()[0] for word, argument in instructions() if word == "FROM"]
    assert bases and all(
        re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?", base) for base in bases
    )


def test_dockerfile__last_user__is_not_root_and_nothing_runs_after_it() -> None:
    words = [word for word, _ in instructions()]
    last = len(words) - 1 - words[::-1].index("USER")
    assert instructions()[last][1] not in {"root", "0"}
    assert not {"RUN", "COPY", "ADD"} & set(words[last:])


def test_dockerfile__secrets__none_copied_none_in_the_environment_no_port() -> None:
    for word, argument in instructions():
        assert word not in {"ADD", "EXPOSE"}
        if word == "COPY":
            assert not re.search(r"(^|\s)\.\s|\.json|\.toml\b(?<!pyproject\.toml)|key|password|\.age", argument), (
                argument
            )
        if word in {"ENV", "ARG"}:
            assert not re.search(r"(?i)key|password|secret|token=", argument), argument
    kept = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in kept, "only what is named gets into the build"


def test_dockerfile__arguments__are_lists_and_sigterm_drains() -> None:
    found = dict(instructions())
    assert found["ENTRYPOINT"] == '["tensorgrid-worker"]' and found["CMD"].startswith('["run"')
    assert found["STOPSIGNAL"] == "SIGTERM"


def test_unit__stop__waits_longer_than_a_drain() -> None:
    drain = float(WorkerConfig.model_fields["drain_seconds"].default)
    assert unit()["KillSignal"] == "SIGTERM" and unit()["KillMode"] == "mixed"
    assert float(unit()["TimeoutStopSec"]) > drain


def test_unit__restart__not_for_what_no_restart_mends() -> None:
    documented = {str(code) for _, code in EXIT_CODES}
    never = set(unit()["RestartPreventExitStatus"].split())
    assert unit()["Restart"] == "on-failure" and never <= documented
    assert "5" not in never, "a node that is out of reach comes back"


def test_unit__rights__own_user_and_no_capability() -> None:
    found = unit()
    assert found["User"] not in {"", "root"}
    assert found["NoNewPrivileges"] == "yes" and found["CapabilityBoundingSet"] == "" and found["UMask"] == "0077"
    assert "RestrictNamespaces" not in found, "bubblewrap makes namespaces"
