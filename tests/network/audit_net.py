"""A devnet that sells audits, and a training small enough to be audited in seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

import tensorgrid as tg
from tensorgrid.chain.abi import Interface
from tensorgrid.chain.artifacts import artifact_names
from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import ContractRef, deployment_path
from tensorgrid.deploy import creation_code
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.devnet.anvil import CHAIN_ID
from tensorgrid.domain.encoding import keccak256
from tensorgrid.parameters import NetworkParameters

SEGMENTS, EVERY = 20, 2
STUB = Path(__file__).parents[1] / "contracts" / "doubles" / "StubBisection.json"


def train(steps: int) -> dict[str, Any]:
    """A small network on made-up points."""
    x = torch.randn(64, 8)
    y = (x[:, 0] > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = tg.State(model=model, optimizer=optimizer)
    for step in range(tg.resume(state), steps):
        pick = tg.batch_indices(step, 16, 64)
        loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tg.checkpoint(state, {"loss": loss})
    return {}


def audit_net(
    home: Path,
    workers: int,
    hooks: Mapping[int, WorkerHook] | None = None,
    jury: Mapping[str, int] | None = None,
    beacon: Literal["block", "drand"] = "block",
    **plan: int,
) -> Devnet:
    """With the audit tier deployed, all workers ready. `plan`: what audits are proposed with there. `jury`: clocks."""
    shipped = NetworkParameters.load("devnet")
    audit = replace(shipped.audit, **{"segments": SEGMENTS, **plan})
    parameters = replace(shipped, audit=audit, jury=replace(shipped.jury, **(jury or {})))
    net = Devnet(home, workers=workers, hooks=hooks, parameters=parameters, start_workers=False, beacon=beacon)
    try:
        if net.contracts.audit is None:
            with net.paused():
                _deploy_audits(net)
        for worker in net.workers:
            worker.start()
        for worker in net.workers:
            worker.await_ready()
    except BaseException:
        net.stop()
        raise
    return net


def _deploy_audits(net: Devnet) -> None:
    """Where disputes have no contract yet: a double decides them."""
    assert "AuditVerifier" in artifact_names()
    stub = json.loads(STUB.read_text())
    jury = net.contracts.acceptance.jury()
    sender = net._deployer_sender
    code = bytes.fromhex(stub["bytecode"].removeprefix("0x"))
    constructor = Interface.of_abi("StubBisection", stub["abi"])
    made = sender.transact(Call("", code + constructor.encode_constructor(jury, 60), "create StubBisection"))
    refs = dict(net.deployment.contracts)
    board = net.contracts.board.address
    keys = sender.transact(Call("", creation_code("KeyBox", (board,)), "create KeyBox"))
    parts = (board, made.contract, keys.contract)
    verifier = sender.transact(Call("", creation_code("AuditVerifier", parts), "create AuditVerifier"))
    found = keccak256(net.connection.code(verifier.contract))
    refs["AuditVerifier"] = ContractRef(verifier.contract, verifier.block, verifier.hash, found)
    sender.transact(net.contracts.parameters.build("setVerifier", verifier.contract, True))
    net.deployment = replace(net.deployment, contracts=refs)
    net.deployment.save(deployment_path(CHAIN_ID, net.home))
    net.contracts = Contracts(net.connection, net.deployment)
