"""Charts as SVG: lines over a logarithmic axis, in the colours of the page that shows them."""

from dataclasses import dataclass

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 150, 42, 46
# Readable on white and on black, and told apart without seeing colours by their marks.
COLOURS = ["#1f77b4", "#d95f02", "#2a9d4e", "#8e6bbf"]
TEXT = "#57606a"


@dataclass
class Line:
    name: str
    points: list  # (x, y), x > 0


def svg(title, x_label, y_label, lines, x_names=None, y_log=False):
    """`x_names`: {x: text} of the places that get a mark; default: the points' own."""
    from math import log10

    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    x_low, x_high = log10(xs[0]), log10(xs[-1])
    if y_log:
        y_low, y_high = _floor(log10(min(ys))), _floor(log10(max(ys))) + 1
        marks = [10 ** power for power in range(y_low, y_high + 1)]
    else:
        step = _step(max(ys))
        y_low, y_high = 0, step * (int(max(ys) / step) + 1)
        marks = [step * i for i in range(int(y_high / step) + 1)]

    def across(x):
        share = (log10(x) - x_low) / (x_high - x_low) if x_high > x_low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(y):
        share = ((log10(y) if y_log else y) - y_low) / (y_high - y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           f'font-family="sans-serif" font-size="12" fill="{TEXT}" role="img" aria-label="{_text(title)}">',
           f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{_text(title)}</text>']
    for mark in marks:
        y = down(mark)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{TEXT}" opacity="0.25"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:,g}</text>')
    for x, name in (x_names or {x: f"{x:,g}" for x in xs}).items():
        out.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_text(name)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{_text(x_label)}</text>')
    out.append(f'<text x="{LEFT}" y="36">{_text(y_label)}</text>')
    for i, line in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        places = [(across(x), down(y)) for x, y in sorted(line.points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [_mark(i, x, y, colour) for x, y in places]
    # Names at the lines' ends, moved apart where they would overlap.
    ends = sorted((down(sorted(line.points)[-1][1]), i, line.name) for i, line in enumerate(lines))
    y_before = -100
    for y, i, name in ends:
        y_before = max(y, y_before + 16)
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{y_before + 4:.1f}" fill="{COLOURS[i % len(COLOURS)]}">'
                   f'{_text(name)}</text>')
    return "\n".join(out) + "\n</svg>\n"


def _mark(kind, x, y, colour):
    if kind % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    if kind % 3 == 1:
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z" fill="{colour}"/>'


def _step(most):
    """A round number of which three to eight make `most`."""
    from math import floor, log10
    power = 10 ** floor(log10(most))
    return next(step for step in (power / 5, power / 2, power) if most / step <= 8)


def _floor(value):
    from math import floor
    return floor(value)


def _text(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
