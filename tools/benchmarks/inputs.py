"""What is fed to Tidemark and to the yardsticks: made once a run of tools/bench, kept in its folder."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import bench


@dataclass(frozen=True)
class Input:
    path: Path
    shape: str
    records: int  # without the last one, which only moves the watermark
    keys: int
    results: int  # pairs of device and window

    @property
    def format(self):
        return "csv" if self.shape == "csv" else "json"


class Inputs:
    def __init__(self, folder):
        self.folder = Path(folder)
        self._made = {}

    def get(self, shape, keys, records):
        at = (shape, keys, records)
        if at not in self._made:
            path = self.folder / f"input-{shape}-{keys}-{records}"
            made = subprocess.run([*bench("feed"), "make", path, str(records), shape, str(keys)],
                                  check=True, capture_output=True, text=True)
            self._made[at] = Input(path, shape, records, keys, int(made.stdout))
        return self._made[at]

    def forget(self):
        """They are large."""
        for made in self._made.values():
            made.path.unlink()
        self._made.clear()
