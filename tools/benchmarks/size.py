"""How large the program is, stripped, as the package installs it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.program import TIDEMARK
from benchmarks.report import Figure

ROWS = {"size": "the program, stripped, dynamically linked"}


def measure(names, context):
    if "size" not in names:
        return
    with tempfile.TemporaryDirectory(dir=context.folder) as own:
        stripped = Path(own) / "tidemark"
        shutil.copy(TIDEMARK, stripped)
        subprocess.run(["strip", "--strip-all", stripped], check=True)
        size = stripped.stat().st_size
        sections = subprocess.run(["size", "-A", stripped], check=True, capture_output=True, text=True).stdout
    details = {words[0]: int(words[1]) for words in (line.split() for line in sections.splitlines())
               if len(words) == 3 and words[0].startswith(".")}
    context.report.add(Figure(f"size: {ROWS['size']}", "file", [size / 1e6], "MB", ("<=", 3), details={"sections": details}))
