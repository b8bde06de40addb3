"""@tg.job: a function that can be bought. Light, because scripts that use it are read inside the sandbox too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.ordering.options import JobOptions

if TYPE_CHECKING:
    from tensorgrid.client import Client
    from tensorgrid.ordering.batching import BatchEstimate
    from tensorgrid.ordering.terms import Estimate
    from tensorgrid.preflight import Preflight
    from tensorgrid.runs.batch import Batch
    from tensorgrid.runs.run import Run

__all__ = ["JobFunction", "job"]

P = ParamSpec("P")
R = TypeVar("R")


class JobFunction(Generic[P, R]):
    """A function together with what is bought around it. Calling it runs it here; `submit` buys a run of it."""

    def __init__(self, function: Callable[P, R], options: JobOptions, client: Client | None = None) -> None:
        self.function = function
        self.settings = options
        self._client = client
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def local(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it in this process: no sandbox, no money, no check. For trying out."""
        return self.function(*args, **kwargs)

    def options(self, *, client: Client | None = None, **changes: Any) -> JobFunction[P, R]:
        """The same function under other options (see JobOptions), or through another client. Raises SpecInvalid."""
        return JobFunction(self.function, self.settings.changed(**changes), client or self._client)

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Run:
        """Lock the budget and have it run. Raises what Client.submit raises."""
        return self._connected().submit(self, arguments_of(self.function, args, kwargs))

    def estimate(self, *args: P.args, **kwargs: P.kwargs) -> Estimate:
        """What submitting would hold and probably cost; nothing is sent. Raises as `submit`."""
        return self._connected().estimate(self, arguments_of(self.function, args, kwargs))

    def map(self, items: Iterable[Any], *, workers: int = 10, **how: Any) -> Batch:
        """Have it called once per item, over so many workers; the results stream in order. `how` and errors: as of
        Client.map, such as shared={"weights": weights}, ordered=False, return_failures=True."""
        return self._connected().map(self, items, workers=workers, **how)

    def estimate_map(self, items: Iterable[Any], *, workers: int = 10, **how: Any) -> BatchEstimate:
        """What `map` would hold and probably cost; nothing is sent. Raises as `map`."""
        return self._connected().estimate_map(self, items, workers=workers, **how)

    def preflight(self, *args: P.args, **kwargs: P.kwargs) -> Preflight:
        """Its first steps twice, in fresh processes here: bit for bit the same, or it cannot be audited. Sends nothing.

        Raises NotRepeatable, FunctionFailed, FunctionNotPortable, SpecInvalid, ToolMissing.
        """
        from tensorgrid.preflight import preflight

        gpu = self.settings.gpu not in (None, "cpu")
        return preflight(self.function, arguments_of(self.function, args, kwargs), self.settings, gpu=gpu)

    def _connected(self) -> Client:
        if self._client is not None:
            return self._client
        from tensorgrid.client import default_client

        return default_client()


def job(**options: Any) -> Callable[[Callable[P, R]], JobFunction[P, R]]:
    """Make a function buyable: `@tg.job(gpu="any", budget="5 USDC", verify="replicate")`. Options as in JobOptions.

    The function travels as source text with the module-level names it uses; it gets JSON values, arrays and tensors,
    and returns a dict of tensors and JSON values. Raises SpecInvalid for unknown options.
    """
    chosen = JobOptions().changed(**options)

    def decorate(function: Callable[P, R]) -> JobFunction[P, R]:
        return JobFunction(function, chosen)

    return decorate


def arguments_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The call's arguments by name; defaults stay with the function. Raises SpecInvalid when they do not fit it."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise SpecInvalid(f"{getattr(function, '__name__', 'the function')}: {error}") from error
    arguments: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        elif kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
            raise SpecInvalid(f"argument {name!r} has no name to travel under; make it an ordinary parameter")
        else:
            arguments[name] = value
    return arguments
