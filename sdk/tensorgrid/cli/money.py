"""Commands around money: balance, deposit, withdraw."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorgrid.cli.output import JsonOption, NetworkOption, amount_json, connect, print_json, print_table, say

AmountArgument = Annotated[str, typer.Argument(help='Such as "5 USDC".')]


def add_to(app: typer.Typer) -> None:
    for command in (balance, deposit, withdraw):
        app.command()(command)


def balance(
    account: Annotated[str | None, typer.Argument(help="An address; default: your own.")] = None,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what an account has in its wallet and in the escrow: free, and held by jobs.

    Example: tensorgrid balance
    """
    client = connect(network)
    who = account or client.account.address
    found = client.holdings(who)
    if as_json:
        names = ("wallet", "free", "held")
        print_json({"account": who, "tokens": [{name: amount_json(getattr(h, name)) for name in names} for h in found]})
        return
    say(who)
    print_table(("wallet", "free in escrow", "held by jobs"), [(h.wallet, h.free, h.held) for h in found])


def deposit(
    amount: AmountArgument,
    permit: Annotated[
        bool, typer.Option("--permit", help="Sign the allowance instead of sending it (EIP-2612): one transaction.")
    ] = False,
    network: NetworkOption = None,
) -> None:
    """Move money from the wallet into the escrow, free: it can be withdrawn again at any time.

    Example: tensorgrid deposit "20 USDC" --permit
    """
    connect(network).deposit(amount, permit=permit)
    say(f"deposited {amount}")


def withdraw(
    amount: AmountArgument,
    to: Annotated[str | None, typer.Option(help="Another address than your own.")] = None,
    network: NetworkOption = None,
) -> None:
    """Take free money out of the escrow.

    Example: tensorgrid withdraw "12.5 USDC"
    """
    connect(network).withdraw(amount, to)
    say(f"withdrew {amount}")
