#!/usr/bin/env python3
"""Write docs/reference/cli.md from the command line itself; a test compares.

.venv/bin/python scripts/cli_reference.py
"""

from __future__ import annotations

from pathlib import Path

import typer.main

from tensorgrid.cli import app

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """\
# Command line

Written by `scripts/cli_reference.py` from the program itself. `tensorgrid --install-completion` teaches your shell the
commands. Errors of ours are one sentence and exit code 1; `TENSORGRID_DEBUG=1` shows the traceback as well.

The worker's own command, `tensorgrid-worker`, is told in [Run a worker](../how-to/run-a-worker.md).
"""


def reference() -> str:
    """The whole page."""
    group = typer.main.get_command(app)
    return "\n".join([HEAD, *(_section(name, command) for name, command in group.commands.items())])  # type: ignore[attr-defined]


def _section(name: str, command: typer.core.TyperCommand) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    shown = "".join(f" {_upper(one)}" if one.required else f" [{_upper(one)}]" for one in arguments)
    about, _, example = _clean(command.help or "").partition("\n\nExample")
    lines = [f"## `tensorgrid {name}{shown}`", "", about.strip(), ""]
    if example:
        lines += [
            "```console",
            *(part.strip() for part in example.removeprefix("s").lstrip(": ").split(";")),
            "```",
            "",
        ]
    rows = [(_upper(one), one) for one in arguments] + [(", ".join(one.opts), one) for one in options if one.opts]
    rows = [(shown, one) for shown, one in rows if "--help" not in shown]
    if rows:
        lines += ["| | meaning | default |", "|---|---|---|"]
        lines += [f"| `{shown}` | {_meaning(one)} | {_default(one)} |" for shown, one in rows]
        lines.append("")
    return "\n".join(lines)


def _upper(argument: object) -> str:
    return str(getattr(argument, "name", "")).upper()


def _clean(text: str) -> str:
    """Paragraphs on one line each."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _meaning(parameter: object) -> str:
    return " ".join(str(getattr(parameter, "help", "") or "").split())


def _default(parameter: object) -> str:
    value = getattr(parameter, "default", None)
    return "" if value in (None, False) or callable(value) or getattr(parameter, "required", False) else f"`{value}`"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
