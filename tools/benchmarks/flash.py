"""What a day costs the flash: 1,000 messages of 100 bytes a second.

Counted where it matters, at the block device: an ext4 in an image of its own, mounted through a loop device, whose
/proc/diskstats then tell of everything, the file system's own journal included. Without root, what the kernel says
that the process has caused to be written is taken instead, which leaves out the file system's own.
"""

import contextlib
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.program import Program, bench, harness
from benchmarks.report import Figure

RATE = 1000
DAY = 86_400
INTERVALS = ["1s", "10s", "1m"]
SYNCS = ["0s", "200ms", "1s"]
ROWS = {
    "flash": "bytes written a day at 1,000 messages of 100 bytes a second, default settings",
    "flash-table": "the same by checkpoint.interval and journal.sync",
}

# A plant of 1,000 devices: figures of a minute in a table.
CONFIGURATION = """
[node]
name = "bench"
data_dir = "{data_dir}"

[checkpoint]
interval = "{interval}"

[journal]
sync = "{sync}"

[sources.feed]
type = "tcp"
listen = "127.0.0.1:{port}"

[pipelines.minutes]
from = ["feed"]
key_by = ["device"]
window = {{ type = "tumbling", size = "1m" }}
select = ["count(*) AS n", "avg(temperature_celsius) AS mean", "min(temperature_celsius) AS low",
          "max(temperature_celsius) AS high"]
to = ["history"]

[sinks.history]
type = "sqlite"
path = "history.db"
table = "minutes"
mode = "upsert"
"""


def measure(names, context):
    if "flash" in names:
        seconds = max(120, context.seconds)
        measure_day(f"flash: {ROWS['flash']}", "10s", "200ms", seconds, ("<=", 10), context)
    if "flash-table" in names:
        for interval in INTERVALS:
            for sync in SYNCS:
                measure_day(f"flash-table: {ROWS['flash-table']}", interval, sync, 120, None, context)


def measure_day(row, interval, sync, seconds, bar, context):
    made = context.inputs.get("plain", 1000, RATE * (seconds + 105))
    with disk(context.folder) as (folder, counter):
        port = harness.free_port()
        instance = Program(folder, CONFIGURATION.format(data_dir=folder / "data", interval=interval, sync=sync, port=port))
        sender = None
        try:
            instance.start()
            sender = subprocess.Popen([*bench("feed"), "send", made.path, str(port), str(RATE)])
            time.sleep(90)  # the first checkpoint is a base, and the ballast is laid in once, after a minute
            os.sync()
            begun, before, status = time.monotonic(), counter(instance), instance.status()
            context.show(f"interval {interval}, sync {sync}: {seconds} s")
            time.sleep(seconds)
            os.sync()
            passed, written, after = time.monotonic() - begun, counter(instance) - before, instance.status()
        finally:
            if sender:
                sender.terminate()
                sender.wait()
            instance.close()
    context.show("")
    records = after["sources"][0]["records"] - status["sources"][0]["records"]
    assert abs(records / passed - RATE) < RATE / 20, f"{records / passed:.0f} records a second"
    gigabytes = written / passed * DAY / 1e9
    what = "a day" if bar else f"interval {interval}, sync {sync}"
    context.report.add(Figure(row, what, [gigabytes], "GB", bar, counter.what, {"bytes": written, "seconds": passed}))


class DiskStatistics:
    """Sectors that a block device was told to write, of 512 bytes, whatever its own are."""
    what = "by /proc/diskstats of an ext4"

    def __init__(self, device):
        self.device = device

    def __call__(self, instance):
        for line in Path("/proc/diskstats").read_text().splitlines():
            words = line.split()
            if words[2] == self.device:
                return int(words[9]) * 512
        raise AssertionError(f"/proc/diskstats does not know {self.device}")


class Accounting:
    what = "by /proc/PID/io: without root no file system of its own can be mounted"

    def __call__(self, instance):
        return instance.written_bytes()


@contextlib.contextmanager
def disk(folder):
    """A folder, and what counts the bytes written to its disk."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        mounted = Path(own) / "mounted"
        mounted.mkdir()
        image = Path(own) / "image"
        device = mount(image, mounted) if os.getuid() == 0 else None
        try:
            yield mounted, DiskStatistics(device) if device else Accounting()
        finally:
            if device:
                subprocess.run(["umount", mounted], check=True)


def mount(image, at):
    with image.open("wb") as file:
        file.truncate(1 << 30)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, at], capture_output=True).returncode:
        return None  # a container may not
    source = subprocess.run(["findmnt", "-n", "-o", "SOURCE", at], check=True, capture_output=True, text=True).stdout
    return re.search(r"/dev/(\S+)", source)[1]
