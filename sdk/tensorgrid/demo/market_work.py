"""What the story about the market buys: a classifier's answers, item by item; and the classifier, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgrid.demo import digits

ITEMS = 1000
STEPS, RATE = 300, 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """`images`: ITEMS rows of 64 whole numbers that the training has not seen, and their true `labels`. `weights`:
    10 rows of 65 whole numbers, so that every machine finds the very same sums."""

    images: list[list[int]]
    labels: list[int]
    weights: list[list[int]]


def classify(image: list[int], weights: list[list[int]]) -> dict[str, Any]:
    """The digit in an image of 8 x 8: the row of `weights` with the largest sum. The last number of a row is added."""
    sums = [sum(w * x for w, x in zip(row, [*image, 1], strict=True)) for row in weights]
    return {"digit": sums.index(max(sums))}


def task(seed: int) -> Task:
    """Softmax regression on the images that are not asked about. Raises ToolMissing without scikit-learn."""
    data = digits.load_digits(seed)
    images = np.concatenate([data.images, data.held_out_images]).reshape(-1, 64)
    labels = np.concatenate([data.labels, data.held_out_labels])
    x = np.hstack([images[ITEMS:], np.ones((len(images) - ITEMS, 1), dtype=np.float32)]).astype(np.float64)
    truth, weights = np.eye(10)[labels[ITEMS:]], np.zeros((65, 10))
    for _ in range(STEPS):
        scores = x @ weights
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights -= RATE * x.T @ (odds / odds.sum(axis=1, keepdims=True) - truth) / len(x)
    weights[64] *= 16  # images travel as 0 to 16, not as 0 to 1
    whole = np.rint(weights.T * 1000).astype(int).tolist()
    asked = np.rint(images[:ITEMS] * 16).astype(int).tolist()
    return Task(asked, [int(label) for label in labels[:ITEMS]], whole)
