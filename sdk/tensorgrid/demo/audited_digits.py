"""The work of the story about audits: a small network on the 8x8 digits, trained with `tg.fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import tensorgrid as tg


def train(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], steps: int) -> dict[str, Any]:
    """One step is one batch of 64. Returns the weights of `network()` by name."""
    import torch
    from torch.nn.functional import cross_entropy

    def loss(module: Any, batch: Any, named: Any) -> Any:
        return cross_entropy(module(batch), named)

    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    batches = tg.shuffled(torch.as_tensor(images), torch.as_tensor(labels), size=64)
    return tg.fit(model, loss, batches, optimizer, steps=steps)


def network() -> Any:
    """(n, 1, 8, 8) to (n, 10): a hidden layer of 64, about 5,000 weights."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))


def accuracy_of(weights: Mapping[str, Any], images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """Share of `images` that the trained network names rightly. Needs torch, which the extra `worker` brings."""
    try:
        import torch
    except ImportError as error:
        raise tg.ToolMissing("evaluating needs torch: pip install 'tensorgrid[worker]'") from error
    model = network()
    model.load_state_dict({name: value for name, value in weights.items() if isinstance(value, torch.Tensor)})
    model.eval()
    with torch.no_grad():
        named = model(torch.as_tensor(images)).argmax(1)
    return float((named == torch.as_tensor(labels)).double().mean())
