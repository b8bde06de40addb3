"""Line charts as SVG, by hand: the same numbers give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 70, 20, 56, 56
COLOURS = ("#2563eb", "#b45309", "#059669")
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """`ticks`: where it is marked; the first and the last are its ends."""

    name: str
    ticks: Sequence[float]

    def place(self, value: float, start: float, end: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return start + (min(max(value, low), high) - low) / (high - low) * (end - start)


def chart(title: str, across: Axis, up: Axis, lines: Sequence[Line]) -> str:
    """One SVG document. Values beyond an axis are drawn at its end."""
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="{FONT}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#ffffff"/>',
        _text(LEFT, 26, title, size=16, colour="#1f2937", weight="bold"),
        *_grid(across, up),
    ]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{_x(across, x):.1f},{_y(up, y):.1f}" for x, y in line.points)
        body.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
        body.append(_text(LEFT + 250 * number, 46, f"— {line.name}", colour=colour))
    return "\n".join([*body, "</svg>", ""])


def _grid(across: Axis, up: Axis) -> list[str]:
    found = []
    for tick in across.ticks:
        x = _x(across, tick)
        found.append(_rule(x, TOP, x, HEIGHT - BOTTOM))
        found.append(_text(x, HEIGHT - BOTTOM + 18, f"{tick:g}", anchor="middle"))
    for tick in up.ticks:
        y = _y(up, tick)
        found.append(_rule(LEFT, y, WIDTH - RIGHT, y, dark=tick == 0))
        found.append(_text(LEFT - 8, y + 4, f"{tick:g}", anchor="end"))
    found.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, across.name, anchor="middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    found.append(f'<g transform="rotate(-90 18 {middle:.1f})">{_text(18, middle, up.name, anchor="middle")}</g>')
    return found


def _x(axis: Axis, value: float) -> float:
    return axis.place(value, LEFT, WIDTH - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return axis.place(value, HEIGHT - BOTTOM, TOP)


def _rule(x1: float, y1: float, x2: float, y2: float, *, dark: bool = False) -> str:
    colour = "#475569" if dark else "#e2e8f0"
    return f'<path d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="1.2"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    colour: str = "#64748b",
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    style = f'font-size="{size}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
