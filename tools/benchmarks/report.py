"""Figures: what a row of tools/bench has measured, its bar if the design sets one, and the table of all of them."""

import json
import shutil
import statistics
from dataclasses import asdict, dataclass, field


@dataclass
class Figure:
    """One thing that was measured, several times where it varies. `bar`: ("<=" or ">=", value)."""
    row: str
    what: str
    values: list
    unit: str = ""
    bar: tuple | None = None
    note: str = ""
    details: dict = field(default_factory=dict)

    @property
    def value(self):
        return statistics.median(self.values)

    def holds(self):
        if not self.bar:
            return None
        sign, bar = self.bar
        return self.value <= bar if sign == "<=" else self.value >= bar


def number(value):
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def line(figure):
    spread = ""
    if len(figure.values) > 1:
        spread = f"({number(min(figure.values))}–{number(max(figure.values))})"
    bar = f"{'≤' if figure.bar[0] == '<=' else '≥'} {number(figure.bar[1])}" if figure.bar else ""
    verdict = {None: "", True: "holds", False: "MISSED"}[figure.holds()]
    return (f"  {figure.what:38} {number(figure.value):>9} {figure.unit:9} {spread:17} {bar:>8} {verdict:6}"
            f" {figure.note}").rstrip()


class Report:
    """Collects figures, prints each as soon as it is there, and keeps the JSON file up to date."""

    def __init__(self, path, about):
        self.path, self.about = path, about
        self.figures = []
        self._row = None

    def add(self, figure):
        self.figures.append(figure)
        if figure.row != self._row:
            self._row = figure.row
            print(f"\n{figure.row}")
        print(line(figure), flush=True)
        self.save()

    def keep(self, folder):
        """For the README: figures and charts, where git sees them."""
        folder.mkdir(exist_ok=True)
        for path in [self.path, *self.path.parent.glob("*.svg")]:
            shutil.copy(path, folder / path.name)

    def save(self):
        rows = [asdict(figure) | {"median": figure.value, "holds": figure.holds()} for figure in self.figures]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({**self.about, "figures": rows}, indent=1) + "\n")

    def missed(self):
        return [figure for figure in self.figures if figure.holds() is False]


class Unmeasured:
    """Takes figures that say nothing."""

    def add(self, figure):
        pass
