"""The training that cheats are tried on: small enough to be audited in seconds."""

from __future__ import annotations

from typing import Any

import tensorgrid as tg


def train(x: Any, y: Any, steps: int) -> dict[str, Any]:
    """A hidden layer of 16 on the rows of `x` (n, 8); `y` (n,) says 0 or 1."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = tg.State(model=model, optimizer=optimizer)
    for step in range(tg.resume(state), steps):
        rows = tg.batch_indices(step, 16, len(x))
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tg.checkpoint(state, {"loss": loss})
    return {}
