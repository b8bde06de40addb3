"""What a person sees while it runs: a table that moves in a terminal, one line per change anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tensorgrid.domain.receipts import Scalar
from tensorgrid.runs.story import Story
from tensorgrid.text import point_line, short_id


class View:
    """Says what happens. `names`: what to call an address; strangers' values are cleaned before they are shown."""

    def __init__(self, console: Console, names: Mapping[str, str], *, live: bool = True) -> None:
        self.console = console
        self.names = names
        self._live = live and console.is_terminal
        self._story: Story | None = None
        self._point: Mapping[str, Scalar] = {}
        self._said = ""

    def say(self, text: str) -> None:
        """One line that stays."""
        self.console.print(Text(text), soft_wrap=True)

    @contextmanager
    def watching(self) -> Iterator[View]:
        """While a job runs: `show` updates what is seen."""
        if not self._live:
            yield self
            return
        with Live(get_renderable=self._render, console=self.console, refresh_per_second=4, transient=True):
            yield self

    def show(self, story: Story, points: list[dict[str, Scalar]]) -> None:
        """A look at the job, and the points that are new."""
        self._story = story
        if points:
            self._point = points[-1]
        if self._live:
            return
        line = f"  {story.phase}"
        if line != self._said:
            self._said = line
            self.say(line)
        for point in points:
            self.say(f"    {point_line(point)}")

    def _render(self) -> RenderableType:
        if self._story is None:
            return Text("posting …")
        table = Table(box=None, show_header=False, padding=(0, 2))
        for seat in self._story.in_order:
            kind = "extra seat" if seat.extra else "seat"
            table.add_row(f"{kind} {seat.number}", self.names.get(seat.worker, short_id(seat.worker)), seat.phase)
        return Group(Text(self._story.phase, style="bold"), table, Text(point_line(self._point), style="cyan"))
