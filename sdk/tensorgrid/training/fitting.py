"""A training loop for plain PyTorch modules, ready to be audited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.training.recording import checkpoint, resume
from tensorgrid.training.state import State
from tensorgrid.training.steps import batch_indices


def fit(
    module: Any,
    loss: Callable[..., Any],
    batches: Callable[[int], Any],
    optimizer: Any,
    *,
    steps: int,
    scheduler: Any = None,
) -> dict[str, Any]:
    """Train `module` for `steps` steps and return its state_dict.

    `batches(step)` gives a tensor or a tuple of them, from the step alone (tg.shuffled, tg.batch_indices);
    `loss(module, *batch)` gives a scalar tensor; `scheduler`, if any, is stepped after each step.
    """
    state = State(model=module, optimizer=optimizer, **({} if scheduler is None else {"scheduler": scheduler}))
    for step in range(resume(state), steps):
        batch = batches(step)
        optimizer.zero_grad()
        value = loss(module, *(batch if isinstance(batch, tuple) else (batch,)))
        value.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        checkpoint(state, {"loss": value.detach()})
    return dict(module.state_dict())


def shuffled(*tensors: Any, size: int) -> Callable[[int], tuple[Any, ...]]:
    """For `fit`: batches of `size` rows of these tensors, shuffled anew in each epoch by the job's seed.

    Raises SpecInvalid for none, or unequal lengths.
    """
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) != 1:
        raise SpecInvalid(f"tg.shuffled takes tensors of one length, not of {sorted(lengths)}")
    (count,) = lengths

    def batch(step: int) -> tuple[Any, ...]:
        rows = batch_indices(step, size, count)
        return tuple(tensor[rows] for tensor in tensors)

    return batch
