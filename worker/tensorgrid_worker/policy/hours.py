"""When this worker takes jobs: by the clock on the wall of a named place, summer time included."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tensorgrid_worker.policy.base import Asked, Settings, Tokens, only

_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) ([A-Za-z0-9_+\-/]{1,64})")


@dataclass(frozen=True, slots=True)
class Window:
    """`start` belongs to it, `end` does not; an `end` before `start` lies on the next day."""

    start: time
    end: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> Window:
        """From "22:00-06:00 Europe/Berlin". Raises ValueError."""
        match = _WINDOW.fullmatch(text)
        if match is None:
            raise ValueError(f'{text!r} is no window; write it as "22:00-06:00 Europe/Berlin"')
        h1, m1, h2, m2, name = match.groups()
        start, end = time(int(h1), int(m1)), time(int(h2), int(m2))
        if start == end:
            raise ValueError(f"{text!r} has no length; leave the table out to work round the clock")
        try:
            return cls(start, end, ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"this machine knows no time zone {name!r}; check the name, or install tzdata") from error

    def has(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Hours:
    """A job is taken within a window; what was taken is finished whatever the hour."""

    windows: tuple[Window, ...]
    name: str = "hours"
    passing: bool = True

    @classmethod
    def of(cls, settings: Settings, _: Tokens) -> Hours:
        only(settings, "windows")
        texts = settings.get("windows")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError('windows must be a list such as ["22:00-06:00 Europe/Berlin"]')
        return cls(tuple(Window.parse(text) for text in texts))

    def refusal(self, asked: Asked) -> str:
        if any(window.has(asked.now) for window in self.windows):
            return ""
        # Without the time itself: a reason that changes every minute would be told every minute.
        return f"this worker takes jobs at {', '.join(map(str, self.windows))} only"
