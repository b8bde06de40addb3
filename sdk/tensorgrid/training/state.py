"""Everything that a training loop carries from one step to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorgrid.domain.arrays import kind_of
from tensorgrid.domain.errors import SpecInvalid

SCALARS = (bool, int, float, str, type(None))


class State:
    """`tg.State(model=..., optimizer=..., scheduler=..., best=0.0)`: what is hashed, kept and restored.

    Each value has state_dict and load_state_dict (modules, optimisers, schedulers, scalers), or is a tensor, a numpy
    array or a dict of these, changed in place; or a plain scalar (None, bool, int, float, text), set again with
    `state.best = 0.5`. What the loop needs and this does not name is lost where somebody else goes on from here.
    Raises SpecInvalid for other values.
    """

    def __init__(self, *, model: Any, optimizer: Any = None, **more: Any) -> None:
        values = {"model": model, "optimizer": optimizer, **more}
        for name, value in values.items():
            _check(name, value)
        if isinstance(model, SCALARS):
            raise SpecInvalid("tg.State(model=...) is a module or tensors: it is the job's result")
        object.__setattr__(self, "_values", values)

    @property
    def values(self) -> Mapping[str, Any]:
        """By name, the model first."""
        found: dict[str, Any] = object.__getattribute__(self, "_values")
        return found

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"this state has no {name!r}; name it in tg.State(...)") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.values or not (isinstance(value, SCALARS) and isinstance(self.values[name], SCALARS)):
            raise AttributeError(f"state.{name}: only scalars named in tg.State(...) can be set anew")
        object.__getattribute__(self, "_values")[name] = value


def loadable(value: Any) -> bool:
    """Whether it gives and takes its state itself."""
    return callable(getattr(value, "state_dict", None)) and callable(getattr(value, "load_state_dict", None))


def _check(name: str, value: Any) -> None:
    if name == "values":
        raise SpecInvalid("tg.State(values=...): that name is taken; choose another")
    if loadable(value) or kind_of(value) is not None or isinstance(value, SCALARS):
        return
    if isinstance(value, Mapping) and value and all(isinstance(key, str) and kind_of(value[key]) for key in value):
        return
    raise SpecInvalid(
        f"tg.State({name}=...) cannot carry {type(value).__name__}; give something with state_dict and load_state_dict,"
        " tensors, or a plain scalar"
    )
