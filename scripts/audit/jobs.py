"""Four training jobs of the kinds that are audited most. This file travels as it is: each function is a job's entry."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import tensorgrid as tg

CLASSES = 10


def mlp(steps: int, rows: int = 512, width: int = 64) -> dict[str, Any]:
    """Dense layers with dropout, AdamW, a schedule."""
    x, y = _points(rows, 16)
    model = nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, CLASSES))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return tg.fit(model, _classify, tg.shuffled(x, y, size=32), optimizer, steps=steps, scheduler=scheduler)


def cnn(steps: int, rows: int = 256, width: int = 8) -> dict[str, Any]:
    """Convolutions with batch-norm, whose running figures are state too; SGD with momentum, random flips."""
    x, y = _points(rows, 64)
    images = x.reshape(rows, 1, 8, 8)
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * 36, CLASSES),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)

    def loss(module: Any, batch: Any, labels: Any) -> Any:
        flipped = torch.where(torch.rand(len(batch), 1, 1, 1) < 0.5, batch.flip(3), batch)
        return nn.functional.cross_entropy(module(flipped), labels)

    return tg.fit(model, loss, tg.shuffled(images, y, size=32), optimizer, steps=steps)


def rnn(steps: int, rows: int = 256, width: int = 24) -> dict[str, Any]:
    """A GRU in a loop of its own, with clipped gradients and a running mean of the weights beside the model."""
    x, y = _points(rows, 48)
    series = x.reshape(rows, 12, 4)
    model = nn.ModuleDict({"cells": nn.GRU(4, width, batch_first=True), "head": nn.Linear(width, CLASSES)})
    mean = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    state = tg.State(model=model, optimizer=optimizer, mean=mean, best=float("inf"))
    for step in range(tg.resume(state), steps):
        pick = tg.batch_indices(step, 32, rows)
        hidden, _ = model["cells"](series[pick])
        loss = nn.functional.cross_entropy(model["head"](hidden[:, -1]), y[pick])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for name, value in model.named_parameters():
                mean[name].lerp_(value, 0.1)
        state.best = min(state.best, loss.item())
        tg.checkpoint(state, {"loss": loss})
    return {}


def gpt(text: Any, steps: int, width: int = 32, depth: int = 2, context: int = 32, batch: int = 8) -> dict[str, Any]:
    """A causal transformer over bytes; `text`: a one-dimensional uint8 tensor."""
    model = _Gpt(width, depth, context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
    span = torch.arange(context + 1)

    def windows(step: int) -> Any:
        starts = torch.tensor(tg.batch_indices(step, batch, len(text) - context))
        return text[starts[:, None] + span].long()

    def loss(module: Any, seen: Any) -> Any:
        return nn.functional.cross_entropy(module(seen[:, :-1]).flatten(0, 1), seen[:, 1:].flatten())

    return tg.fit(model, loss, windows, optimizer, steps=steps)


class _Gpt(nn.Module):
    def __init__(self, width: int, depth: int, context: int) -> None:
        super().__init__()
        self.bytes, self.places = nn.Embedding(256, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(_Block(width, context) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 256, bias=False)
        self.head.weight = self.bytes.weight

    def forward(self, seen: Any) -> Any:
        x = self.bytes(seen) + self.places.weight[: seen.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class _Block(nn.Module):
    def __init__(self, width: int, context: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(4 * width, width))

    def forward(self, x: Any) -> Any:
        rows, length, width = x.shape
        parts = self.mixed(self.before(x)).reshape(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return x + self.dense(self.after(x))


def _points(rows: int, width: int) -> tuple[Any, Any]:
    """Of the job's seed: ten clouds of points and their names."""
    labels = torch.randint(0, CLASSES, (rows,))
    return torch.randn(rows, width) + torch.randn(CLASSES, width)[labels], labels


def _classify(module: Any, batch: Any, labels: Any) -> Any:
    return nn.functional.cross_entropy(module(batch), labels)
