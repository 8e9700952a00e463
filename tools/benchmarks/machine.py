"""On what was measured: processor, system, versions. And whether it was quiet."""

import json
import os
import platform
import subprocess
from pathlib import Path


def about(binary):
    cpus = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith(("model name", "Model"))]
    return {
        "processor": f"{os.cpu_count()} × {cpus[0] if cpus else platform.machine()}",
        "architecture": platform.machine(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"Linux {platform.release()}, {platform.freedesktop_os_release().get('PRETTY_NAME', '')}",
        "tidemark": json.loads(subprocess.check_output([binary, "version", "--json"])),
        "commit": commit(),
        "load": os.getloadavg()[0],
    }


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True,
                          cwd=Path(__file__).parent)
    return done.stdout.strip()


def busy():
    """Why figures of this machine would be provisional now, or an empty text."""
    load = os.getloadavg()[0]
    return f"load average {load:.1f}: others are at work, wall times are provisional" if load > 0.7 else ""
