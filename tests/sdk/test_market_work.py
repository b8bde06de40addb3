"""What the story about the market buys: answers that are the same on every machine, and mostly right."""

import pytest

from tensorgrid.demo import SCENARIOS, market_work
from tensorgrid.demo.market import PARTS


def test_task__a_seed__is_a_classifier_that_names_most_digits() -> None:
    pytest.importorskip("sklearn")
    task = market_work.task(0)
    assert (len(task.images), len(task.labels)) == (market_work.ITEMS, market_work.ITEMS)
    assert {type(number) for number in [*task.images[0], *task.weights[0]]} == {int}
    found = [market_work.classify(image, task.weights)["digit"] for image in task.images]
    right = sum(one == label for one, label in zip(found, task.labels, strict=True))
    assert right > 0.9 * market_work.ITEMS


def test_parts__of_the_scenario__are_those_of_the_story() -> None:
    assert SCENARIOS["market"].parts == tuple(PARTS)
