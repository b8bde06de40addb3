"""The documents name what exists: links lead somewhere, and commands, errors, settings and parameters are all told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tensorgrid.domain import errors

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!\\)!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found = set()
    for line in prose(path).splitlines():
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(text.replace(" ", "-"))
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links__each__leads_to_a_file_and_a_heading(document: Path) -> None:
    for target in LINK.findall(prose(document)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        found = (document.parent / file).resolve() if file else document
        assert found.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{document.name} links to {target}"


def test_site__every_page__is_in_its_navigation() -> None:
    told = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f"- {page.relative_to(ROOT / 'docs')}\n" in told, page


def test_decisions__each__is_listed_with_its_own_title() -> None:
    listed = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs/decisions").glob("0*.md"):
        number, title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(" · ")
        assert f"| [{number}]({page.name}) | {title} |" in listed
        for part in ("**Context.**", "**Choice.**", "**Price paid.**"):
            assert part in page.read_text(encoding="utf-8"), f"{page.name} lacks {part}"


def test_errors__each__is_told_with_its_parent() -> None:
    told = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.TensorgridError):
            [parent] = value.__bases__
            assert f"| `{name}` | `{parent.__name__}` |" in told


def test_commands__reference__is_what_the_program_says() -> None:
    from scripts.cli_reference import TARGET, reference

    assert TARGET.read_text(encoding="utf-8") == reference(), "run scripts/cli_reference.py"


def test_parameters__each_entry_of_a_network__is_told() -> None:
    told = (ROOT / "docs/reference/parameters.md").read_text(encoding="utf-8")
    raw = tomllib.loads((ROOT / "sdk/tensorgrid/parameters/devnet.toml").read_text(encoding="utf-8"))
    for table in ("bounds", "clocks", "stake", "beacon", "reputation", "values", "allow"):
        for name in raw[table]:
            assert f"`{table}.{name}`" in told


def test_settings__each_of_a_worker__is_told() -> None:
    from tensorgrid_worker.config import WorkerConfig

    told = (ROOT / "docs/how-to/run-a-worker.md").read_text(encoding="utf-8")
    for name in WorkerConfig.model_fields:
        assert f"`{name}`" in told, name


def test_invariants__each_cited_id__is_stated() -> None:
    stated = set(
        re.findall(r"^\| ([A-Z]\d) \|", (ROOT / "docs/invariants.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {"E1", "E2", "E3", "S1", "S2", "S3", "J1", "J2", "J3", "J4", "D1", "G1", "G2", "W1", "W2", "W3"} == stated
    cited = set()
    for source in (ROOT / "contracts").rglob("*.sol"):
        cited |= set(re.findall(r"\b([ESJDGW]\d)\b", source.read_text(encoding="utf-8")))
    assert cited
    assert cited <= stated


def test_invariants__each_test_that_shows_one__is_there() -> None:
    told = (ROOT / "docs/invariants.md").read_text(encoding="utf-8")
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    names = re.findall(r"`(?:tests/\w+/)?(test_\w+)(\.py|…)?`", told)
    assert names
    for name, ending in names:
        if ending == ".py":
            assert f"{name}.py" in tests
        else:
            assert any(f"def {name}" in text for text in tests.values()), name


def test_readme__hello_world__has_at_most_eight_lines() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    [hello] = [block for block in blocks if "run.result()" in block]
    assert len([line for line in hello.splitlines() if line.strip()]) <= 8
    compile(hello, "README.md", "exec")
