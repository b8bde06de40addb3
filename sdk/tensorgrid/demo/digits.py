"""The demo's real work: a small CNN on the 8x8 digits of scikit-learn, with a part that the workers never see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import tensorgrid as tg

TRAINING = 1300
"""Of the 1797 images; the other 497 stay with the requester."""
VALIDATION = 200
"""Of the training images: what the reported accuracy is measured on."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Images are float32 (n, 1, 8, 8) in 0..1, labels int64 (n,)."""

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    held_out_images: np.ndarray[Any, Any]
    held_out_labels: np.ndarray[Any, Any]


@tg.job(gpu="any", budget="5 USDC", verify="replicate", wall="2m", memory="2GiB", output="16MiB")
def train(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], epochs: int, validation: int) -> dict[str, Any]:
    """Train `network()`; the last `validation` images only measure. Returns its weights by name, and "accuracy"."""
    import torch
    from torch.nn.functional import cross_entropy

    x, y = torch.as_tensor(images), torch.as_tensor(labels)
    x_train, y_train, x_val, y_val = x[:-validation], y[:-validation], x[-validation:], y[-validation:]
    model = network()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    accuracy = 0.0
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for batch in torch.randperm(len(x_train)).split(64):
            optimiser.zero_grad()
            loss = cross_entropy(model(x_train[batch]), y_train[batch])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_val).argmax(1) == y_val).double().mean().item()
        tg.report(epoch=epoch + 1, loss=round(total / len(x_train), 4), accuracy=accuracy)
    return {**model.state_dict(), "accuracy": accuracy}


def network() -> Any:
    """(n, 1, 8, 8) to (n, 10): two convolutions and a linear layer, about 30,000 weights."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(1024, 10),
    )


def load_digits(seed: int) -> Digits:
    """Shuffled and split by `seed`. Raises ToolMissing without scikit-learn."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise tg.ToolMissing("the demo trains on scikit-learn's digits: pip install 'tensorgrid[devnet]'") from error
    images, labels = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    x = (images[order].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    y = labels[order].astype(np.int64)
    return Digits(x[:TRAINING], y[:TRAINING], x[TRAINING:], y[TRAINING:])


def accuracy_of(weights: Mapping[str, Any], images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """Share of `images` that the trained network names rightly. Needs torch, which the extra `worker` brings."""
    try:
        import torch
    except ImportError as error:
        raise tg.ToolMissing("evaluating needs torch: pip install 'tensorgrid[worker]'") from error
    model = network()
    tensors = {name: value for name, value in weights.items() if isinstance(value, torch.Tensor)}
    model.load_state_dict(tensors)
    model.eval()
    with torch.no_grad():
        named = model(torch.as_tensor(images)).argmax(1)
    return float((named == torch.as_tensor(labels)).double().mean())
