"""Deploying: one code path for every network, parameters read strictly, a deployment file that says what is there."""

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from eth_account import Account

from tensorgrid.chain import records
from tensorgrid.chain.abi import interface
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import REQUIRED, Deployment, deployment_path, home
from tensorgrid.chain.send import Sender
from tensorgrid.deploy import Web3Backend, creation_code, deploy
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ChainError, Reverted, UnknownDeployment, UnknownToken
from tensorgrid.ordering.strategies import strategies_of
from tensorgrid.parameters import BoundParameters, NetworkParameters, TokenParameters

DEVNET = (Path(__file__).parents[2] / "sdk/tensorgrid/parameters/devnet.toml").read_text()


@pytest.fixture
def deployer(quiet_net):
    account = Account.create()
    quiet_net.anvil.fund(account.address, 10**21)
    return Web3Backend(quiet_net.connection, account)


# ----------------------------------------------------------------------------------------------------------- parameters


def test_parameters__the_shipped_devnet__fits_itself() -> None:
    p = NetworkParameters.load("devnet")
    life = p.bounds.max_take_time + p.bounds.max_work_time + 2 * p.bounds.max_settle_time
    life += p.bounds.max_reopens * (4 * p.bounds.min_take_time + p.bounds.max_work_time)
    assert p.exit_delay > life
    second_round = 2 * (p.clocks.reveal + p.clocks.grace) + p.clocks.extra_take + p.bounds.max_work_time
    assert p.bounds.max_settle_time >= second_round, "a second round of the longest job must fit"
    assert p.bounds.min_take_time <= p.clocks.take <= p.bounds.max_take_time
    assert p.stake_token.units(p.min_stake) >= p.stake_token.units(p.min_no_show_bond) > 0
    fee = 10**6 * p.fee_bps // 10_000
    assert fee * p.tokens[0].score_weight // 10**18 == 1000, "the fee on 1 USDC is a score one can see"


def test_parameters__every_number__has_its_reason_beside_it() -> None:
    wanting = [
        line
        for line in DEVNET.splitlines()
        if "=" in line and line.split("=")[1].strip()[:1].isdigit() and "#" not in line and "decimals" not in line
    ]
    assert wanting == []


def test_parameters__field_orders__are_the_abi_s() -> None:
    constructor = interface("Parameters").constructor.inputs
    bounds = [part["name"] for part in constructor[1]["components"]]
    assert [camel(field.name) for field in fields(BoundParameters)] == bounds
    assert [camel(field.name) for field in fields(records.Bounds)] == bounds
    assert [camel(field.name) for field in fields(records.Values)] == [
        part["name"] for part in constructor[2]["components"]
    ]


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_take_time = 3600", ""),
        ("max_take_time = 3600", "max_take_time = 3600\nmax_nap_time = 1"),
        ("fee_bps = 100 ", 'fee_bps = "100" '),
        ("fee_bps = 100 ", "fee_bps = -1 "),
        ("fee_bps = 100 ", "fee_bps = true "),
        ('symbol = "USDC"', "symbol = 7"),
        ('symbol = "USDC"', 'symbol = "USDC"\nsymbl = "x"'),
        ("[beacon]", "[bacon]"),
        ('network = "devnet"', "network = "),
        ('score_weight = "100000000000000000"', 'score_weight = "many"'),
        ('kind = "block" ', 'kind = "dice" '),
        ('kind = "block" ', "kind = 7 "),
        ('kind = "block" ', 'kind = "drand" '),
        ("delay = 2 ", "delay = 2\nlag = 1 "),
        ("delay = 2 ", 'delay = "2" '),
        ("start_bps = 3000 ", ""),
    ],
)
def test_parameters__one_wrong_entry__is_refused(old, new) -> None:
    assert old in DEVNET
    with pytest.raises(UnknownDeployment, match=r"compare with devnet\.toml"):
        NetworkParameters.from_text(DEVNET.replace(old, new))


def on_drand(chain: str, lag: str) -> str:
    return DEVNET.replace('kind = "block" ', f'kind = "drand"\nchain = "{chain}"\nlag = {lag} ').replace(
        "delay = 2 ", ""
    )


def test_parameters__drand__is_the_public_network_that_ships() -> None:
    rounds = NetworkParameters.from_text(on_drand("evmnet", "30")).rounds
    assert (rounds.contract, rounds.period, rounds.lag) == ("DrandBeacon", 3, 30)
    assert rounds.arguments() == (rounds.key, rounds.genesis, 3, 30)
    assert all(url.startswith("https://") for url in rounds.relays)


@pytest.mark.parametrize(
    ("chain", "lag"), [("quicknet", "30"), ("../devnet", "30"), ("evmnet", "-1"), ("evmnet", "1.5")]
)
def test_parameters__drand_that_nobody_knows__is_refused(chain, lag) -> None:
    with pytest.raises(UnknownDeployment, match=r"compare with devnet\.toml"):
        NetworkParameters.from_text(on_drand(chain, lag))


def test_parameters__missing_file__is_named(tmp_path) -> None:
    with pytest.raises(UnknownDeployment, match="give a TOML file"):
        NetworkParameters.load(tmp_path / "nowhere.toml")


def test_token_units__any_amount__is_exact_or_refused() -> None:
    token = TokenParameters("coin", "USDC", 6)
    assert (token.units("10000"), token.units("0.000001"), token.units("1.5")) == (10**10, 1, 1_500_000)
    for amount in ("0.0000001", "-1", "1e6", "", "1_000", "½"):
        with pytest.raises(UnknownDeployment, match="no amount"):
            token.units(amount)


# ------------------------------------------------------------------------------------------------------------ deploying


def test_deploy__on_a_chain__makes_what_the_parameters_say(deployer) -> None:
    parameters = NetworkParameters.load("devnet")
    made = deploy(deployer, parameters)
    assert {*REQUIRED, "BlockBeacon", "AuditVerifier", "Snapshots"} <= set(made.contracts)
    assert {"ReputationScheduler", "PriceScheduler"} <= set(made.contracts)
    connection = deployer.connection
    for name, ref in made.contracts.items():
        assert keccak256(connection.code(ref.address)) == ref.code_hash, name
        receipt = deployer.sender.receipt(ref.tx)
        assert (receipt.block, receipt.contract) == (ref.block, ref.address), name
        assert made.start_block <= ref.block
    contracts = Contracts(connection, made)
    board = contracts.board
    for getter, name in (
        ("ESCROW", "Escrow"),
        ("VAULT", "StakeVault"),
        ("REGISTRY", "WorkerRegistry"),
        ("REPUTATION", "Reputation"),
        ("PARAMETERS", "Parameters"),
        ("BEACON", "BlockBeacon"),
    ):
        assert board.read(getter) == made.address(name)
    bounds = contracts.parameters.bounds()
    assert [getattr(bounds, f.name) for f in fields(bounds)] == [
        getattr(parameters.bounds, f.name) for f in fields(parameters.bounds)
    ]
    assert contracts.vault.stake_token() == made.stake_token.address
    assert made.clocks.take == parameters.clocks.take


def test_deploy__drand__is_the_boards_beacon(deployer) -> None:
    made = deploy(deployer, NetworkParameters.from_text(on_drand("evmnet", "30")))
    again = Deployment.from_text(json.dumps(made.to_json()))
    assert (again.beacon, again.relays) == ("DrandBeacon", made.relays)
    contracts = Contracts(deployer.connection, again)
    assert contracts.board.read("BEACON") == contracts.beacon.address == made.address("DrandBeacon")
    assert "BlockBeacon" not in made.contracts
    assert not contracts.beacon.by_block
    head = deployer.connection.latest()
    named = contracts.beacon.next()
    assert not contracts.beacon.due_in_next_block(named + 1, head)
    assert contracts.beacon.due_in_next_block(named - 1, head)


def test_deploy__without_strategies__has_lottery_and_offers(deployer) -> None:
    parameters = replace(NetworkParameters.load("devnet"), strategies=None)
    contracts = Contracts(deployer.connection, deploy(deployer, parameters))
    assert strategies_of(contracts) == ["lottery", "offers"]


def test_deployment__without_a_beacon__is_refused(quiet_net) -> None:
    raw = quiet_net.deployment.to_json()
    del raw["contracts"]["BlockBeacon"]
    with pytest.raises(UnknownDeployment, match="lacks BlockBeacon"):
        Deployment.from_text(json.dumps(raw))


def test_deploy__others_than_the_deployer__administer_nothing(deployer, quiet_net) -> None:
    made = deploy(deployer, NetworkParameters.load("devnet"))
    contracts = Contracts(deployer.connection, made)
    stranger = Account.create()
    quiet_net.anvil.fund(stranger.address, 10**20)
    with pytest.raises(Reverted) as caught:
        Sender(deployer.connection, stranger).transact(contracts.parameters.pause())
    assert caught.value.name == "AccessManagedUnauthorized"
    deployer.sender.transact(contracts.parameters.pause())
    assert contracts.parameters.values().paused


def test_deploy__existing_token__is_used_as_it_is(deployer, quiet_net) -> None:
    text = DEVNET.replace('name = "USD test coin"', f'name = "x"\naddress = "{quiet_net.stake_token.address}"')
    made = deploy(deployer, NetworkParameters.from_text(text))
    assert made.tokens[0].address == quiet_net.stake_token.address
    assert "TestToken.USDC" not in made.contracts


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("exit_delay = 30000", "exit_delay = 28200", "ExitDelayTooShort"),
        ("fee_bps = 100 ", "fee_bps = 501 ", "FeeAboveBound"),
        ("min_take_time = 8", "min_take_time = 4000", "BoundsInconsistent"),
        ('min_no_show_bond = "5"', 'min_no_show_bond = "101"', "StakeBelowBond"),
        ("delay = 2", "delay = 0", "DelayZero"),
    ],
)
def test_deploy__parameters_that_contradict_each_other__revert_with_the_name(deployer, old, new, error) -> None:
    assert old in DEVNET
    with pytest.raises(Reverted) as caught:
        deploy(deployer, NetworkParameters.from_text(DEVNET.replace(old, new, 1)))
    assert caught.value.name == error


def test_creation_code__wrong_arguments__are_refused() -> None:
    with pytest.raises(ChainError, match="cannot hold"):
        creation_code("BlockBeacon", ("soon",))


# ----------------------------------------------------------------------------------------------------- deployment files


def test_deployment__file__round_trips(quiet_net, tmp_path) -> None:
    made = quiet_net.deployment
    path = made.save(tmp_path / "deep" / "31337.json")
    assert Deployment.load(path) == made
    assert list(path.parent.iterdir()) == [path], "nothing half-written is left"


def test_deployment__by_chain_id__is_found_at_home(quiet_net, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TENSORGRID_HOME", str(tmp_path))
    assert home() == tmp_path
    with pytest.raises(UnknownDeployment, match="start `tensorgrid devnet`"):
        Deployment.load(31337)
    quiet_net.deployment.save(deployment_path(31337))
    assert Deployment.load(31337) == quiet_net.deployment
    assert Deployment.load(31337, home=tmp_path) == quiet_net.deployment


def test_deployment__tokens__are_found_by_name_and_address(quiet_net) -> None:
    token = quiet_net.deployment.token("usdc")
    assert quiet_net.deployment.token(token.address.lower()) is token
    with pytest.raises(UnknownToken, match="it has USDC"):
        quiet_net.deployment.token("DOGE")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw | {"version": 2},
        lambda raw: raw | {"chain_id": "31337"},
        lambda raw: raw | {"start_block": -1},
        lambda raw: raw | {"contracts": {}},
        lambda raw: raw | {"contracts": {name: ref | {"address": "0x12"} for name, ref in raw["contracts"].items()}},
        lambda raw: raw | {"contracts": {name: ref | {"code_hash": "0x"} for name, ref in raw["contracts"].items()}},
        lambda raw: raw | {"tokens": 7},
        lambda raw: {key: raw[key] for key in raw if key != "tokens"},
        lambda raw: [raw],
        lambda raw: raw | {"network": "x" * (1 << 20)},
    ],
)
def test_deployment__spoiled_file__is_refused_with_a_sentence(quiet_net, spoil) -> None:
    with pytest.raises(UnknownDeployment, match="deploy again"):
        Deployment.from_text(json.dumps(spoil(quiet_net.deployment.to_json())))


def test_deployment__no_json_or_no_file__is_refused(tmp_path, usual_recursion) -> None:
    for text in ("", "{", "[" * 100_000):
        with pytest.raises(UnknownDeployment, match="deploy again"):
            Deployment.from_text(text)
    with pytest.raises(UnknownDeployment, match="cannot read"):
        Deployment.load(tmp_path / "nowhere.json")


# ------------------------------------------------------------------------------------------------------------ ape's way


@pytest.mark.parametrize("provider", ["test", "foundry"])
def test_ape_run_deploy__local_chains__deploys_the_same_contracts(root, tmp_path, provider, quiet_net) -> None:
    from tensorgrid.devnet.toolchain import find_anvil

    target = tmp_path / "deployment.json"
    path = f"{find_anvil().parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        [
            Path(sys.executable).with_name("ape"),
            "run",
            "deploy",
            "--network",
            f"ethereum:local:{provider}",
            "--save",
            target,
        ],
        cwd=root,
        env=os.environ | {"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    made = Deployment.load(target)
    assert set(made.contracts) == set(quiet_net.deployment.contracts)
    # the beacon's code holds no address: it is the same on every chain
    assert made.contracts["BlockBeacon"].code_hash == quiet_net.deployment.contracts["BlockBeacon"].code_hash
