"""init, doctor, fingerprint, register, bond, leave: how a worker comes and goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorgrid_worker.cli.common import (
    STILL_DRAINING,
    UNFIT,
    AsJson,
    Config,
    Worker,
    default_home,
    fleet_of,
    hint,
    sentences,
    show,
)

if TYPE_CHECKING:
    from tensorgrid_worker.membership.init import Where

Provider = Annotated[
    str, typer.Option("--provider", help="The provider's keystore; with --unsigned his address will do.")
]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="Of the provider's keystore; else it is asked on a terminal.")
]
Unsigned = Annotated[bool, typer.Option("--unsigned", help="Print the transactions as JSON; sign them elsewhere.")]


def init(
    rpc_url: Annotated[str, typer.Option("--rpc-url", help="Your node; asked for on a terminal.")] = "",
    deployment: Annotated[
        Path | None, typer.Option("--deployment", help="File that names the contracts. Default: by the node's chain.")
    ] = None,
    store: Annotated[str, typer.Option("--store", help="The blob store. Default: an IPFS node on this machine.")] = "",
    home: Annotated[
        Path | None, typer.Option("--home", help="Keys, settings, journal. Default: ~/.tensorgrid/worker.")
    ] = None,
    devnet: Annotated[bool, typer.Option("--devnet", help="All three from the devnet that runs here.")] = False,
    cpu: Annotated[bool, typer.Option("--cpu", help="Sell the CPU, whatever GPUs there are.")] = False,
    min_price: Annotated[int, typer.Option("--min-price", min=0, help="Least pay of a job, in the token's units.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", min=0, max=600, help="To measure a device; 0: do not.")] = 20,
    provider: Annotated[
        Path | None, typer.Option("--new-provider", help="Make the provider's keystore here too, with a password file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write the settings anew. Keys are always kept.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find the GPUs, make a hot key for each, measure them, and write the settings. Without a GPU the CPU is sold.

    Example: tensorgrid-worker init --rpc-url https://your-node --store http://127.0.0.1:5001
    """
    from tensorgrid_worker import hardware
    from tensorgrid_worker.logs import configure

    configure()
    with sentences():
        from tensorgrid_worker.membership.init import prepare

        where = _where(rpc_url, deployment, store, home, devnet=devnet, ask=not yes and sys.stdin.isatty())
        gpus = [] if cpu else hardware.gpus()
        done = prepare(where, gpus, seconds=seconds, min_price=min_price, force=force, say=hint)
        if provider is not None:
            done["provider"] = _new_provider(provider)
        show(done, _init_text(done), as_json=as_json)


def doctor(config: Config = None, as_json: AsJson = False) -> None:
    """Look at every prerequisite: green, yellow or red, with what mends it. Exit code 7 when one is red.

    Example: tensorgrid-worker doctor --config worker.toml
    """
    from tensorgrid_worker.logs import configure

    configure()
    with sentences():
        fleet = fleet_of(config)
        from tensorgrid_worker.membership.doctor import examine, fit

        found = []
        for check in examine(fleet):
            found.append(check)
            if not as_json:
                typer.echo(check.line())
        good = fit(found)
        if as_json:
            show({"fit": good, "checks": [check.to_json() for check in found]}, "", as_json=True)
        if not good:
            raise SystemExit(UNFIT)


def fingerprint(config: Config = None, worker: Worker = "", as_json: AsJson = False) -> None:
    """What replays bit for bit here, part by part; workers of one fingerprint can check each other. Taken where the
    machine has changed since, kept, and told to the chain by `register`.

    Example: tensorgrid-worker fingerprint --config worker.toml
    """
    with sentences():
        fleet = fleet_of(config)
        from tensorgrid_worker.membership.coming import fingerprint as take

        found = [{"name": one.name} | take(one, hint).to_json() for one in fleet.some(worker)]
        text = "\n\n".join(
            "\n".join([f"fingerprint {told['digest']}", *(f"  {name}: {said}" for name, said in told["parts"].items())])
            for told in found
        )
        show({"workers": found}, text, as_json=as_json)


def register(
    stake: Annotated[str, typer.Option("--stake", help='Behind each worker: stake-token units, or "300 TGS".')],
    provider: Provider,
    price: Annotated[
        str, typer.Option("--price", help="Least pay of a job, shown to clients. Default: min_price.")
    ] = "",
    config: Config = None,
    worker: Worker = "",
    password_file: PasswordFile = None,
    unsigned: Unsigned = False,
    as_json: AsJson = False,
) -> None:
    """Make the workers the provider's, with stake behind each. Do it again after a change or a failure: only the
    rest is done. On a devnet it helps itself to the money.

    Example: tensorgrid-worker register --stake "300 TGS" --price 200000 --provider cold.json
    """
    with sentences():
        fleet = fleet_of(config)
        from tensorgrid_worker.membership.coming import register as do

        done = do(fleet.some(worker), provider, password_file, stake=stake, price=price, unsigned=unsigned, say=hint)
        show(done, _steps_text(done, "registered"), as_json=as_json or unsigned)


def bond(
    deposit: Annotated[str, typer.Option("--deposit", help='Pay in for each worker, such as "10 USDC".')] = "",
    withdraw: Annotated[str, typer.Option("--withdraw", help="Take out what no dispute holds.")] = "",
    provider: Annotated[str, typer.Option("--provider", help="Whose keystore pays; with --unsigned an address.")] = "",
    to: Annotated[str, typer.Option("--to", help="Address for what is withdrawn. Default: the provider's.")] = "",
    appeals: Annotated[bool, typer.Option("--appeals", help="The money for appeals, not that for disputes.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take out what open audited jobs may need, too.")] = False,
    config: Config = None,
    worker: Worker = "",
    password_file: PasswordFile = None,
    unsigned: Unsigned = False,
    as_json: AsJson = False,
) -> None:
    """Show, pay in or take out the money with which a worker of audited jobs contests false accusations. The provider
    pays in; only the worker's own key takes out, through its daemon where one runs.

    Example: tensorgrid-worker bond --deposit "10 USDC" --provider cold.json
    """
    from tensorgrid_worker.logs import configure

    configure()
    with sentences():
        fleet = fleet_of(config)
        from tensorgrid_worker.membership import bonding, coming
        from tensorgrid_worker.membership.joining import JoiningRefused

        if withdraw and deposit:
            raise JoiningRefused("either --deposit or --withdraw; run the command twice for both")
        chosen = fleet.some(worker)
        if withdraw:
            goal = coming.address(to) if to else ""
            took = bonding.withdraw(fleet.one(worker), withdraw, goal, hint, appeals=appeals, force=force)
            show(took, f"{took['units']} {took['token']} units went to {took['to']}", as_json=as_json)
            return
        done = coming.bond(
            chosen, provider, password_file, deposit=deposit, appeals=appeals, unsigned=unsigned, say=hint
        )
        text = "\n".join(f"{told['worker']}: {line}" for told in done["workers"] for line in told["text"])
        show(done, text, as_json=as_json or unsigned)


def leave(
    provider: Provider,
    config: Config = None,
    worker: Worker = "",
    to: Annotated[str, typer.Option("--to", help="Address for stake and pay. Default: the provider's.")] = "",
    password_file: PasswordFile = None,
    unsigned: Unsigned = False,
    as_json: AsJson = False,
) -> None:
    """Drain, ask for the stake back, and when its time has come withdraw it, with the pay. Call it again to go on.

    Example: tensorgrid-worker leave --provider cold.json
    """
    with sentences():
        fleet = fleet_of(config)
        from tensorgrid_worker.draining import drained
        from tensorgrid_worker.membership.coming import leave as do

        chosen = fleet.some(worker)
        _, left = drained(chosen, seconds=max(one.drain_seconds for one in chosen) + 60, say=hint)
        if left:
            hint(f"tensorgrid-worker: {', '.join(left)} still drains; nothing was asked back: run leave again later")
            raise SystemExit(STILL_DRAINING)
        done = do(chosen, provider, password_file, to=to, unsigned=unsigned, say=hint)
        show(done, _steps_text(done, "left"), as_json=as_json or unsigned)


def _where(rpc_url: str, deployment: Path | None, store: str, home: Path | None, *, devnet: bool, ask: bool) -> Where:
    from tensorgrid_worker.membership.init import STORE, InitRefused, Where, of_devnet

    folder = (home or default_home()).expanduser().absolute()
    if devnet:
        found = of_devnet(folder)
        return Where(rpc_url or found.rpc_url, deployment or found.deployment, store or found.store, folder)
    if not rpc_url and ask:
        rpc_url = str(typer.prompt("URL of your node"))
    if not rpc_url:
        raise InitRefused("which node? pass --rpc-url URL, or --devnet for the devnet that runs on this machine")
    return Where(rpc_url, deployment, store or STORE, folder)


def _new_provider(keystore: Path) -> dict[str, str]:
    from tensorgrid_worker.keys import address_in, make_key

    password_file = keystore.with_suffix(".password")
    address = address_in(keystore) if keystore.exists() else make_key(keystore, password_file)
    return {"address": address, "keystore": str(keystore), "password_file": str(password_file)}


def _init_text(done: dict[str, Any]) -> str:
    lines = [f"settings {done['settings']}, network {done['network']}", *done["notes"]]
    for told in done["workers"]:
        name = f"{told['name']}: " if told["name"] else ""
        score = told["score_note"] or f"measured {told['score']} of 1000"
        lines.append(f"{name}worker {told['address']}, class {told['hardware_class']}, {score}")
    if "provider" in done:
        lines.append(
            f"provider {done['provider']['address']} in {done['provider']['keystore']}: keep it safe, elsewhere"
        )
    return "\n".join([*lines, "next: tensorgrid-worker register --stake N --price P --provider KEYSTORE"])


def _steps_text(done: dict[str, Any], word: str) -> str:
    lines = []
    for told in done["workers"]:
        lines += [f"{step['what']}: {step['transaction']}" for step in told["sent"]]
        lines += [f"note: {text}" for text in told["notes"]]
        lines.append(f"{told['worker']} of provider {told['provider']}: {word if told['done'] else 'not done yet'}")
    return "\n".join(lines)


def add_to(app: typer.Typer) -> None:
    for command in (init, doctor, fingerprint, register, bond, leave):
        app.command()(command)
