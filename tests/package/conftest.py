"""Fixtures of the package's tests: packages that were built, and machines to try them in.

TIDEMARK_PACKAGES names the folder of the packages, as tools/package makes them: tidemark_VERSION+deb12_ARCH.deb.
TIDEMARK_MACHINES, where it is set, names a folder that keeps the fresh Debians for the next run.
"""

import os
import subprocess
from pathlib import Path

import pytest

import machine

ROOT = Path(__file__).resolve().parents[2]


def packages():
    folder = Path(os.environ.get("TIDEMARK_PACKAGES") or ROOT / "build/packages")
    return {debian: sorted(folder.glob(f"tidemark_*+deb{debian}_*.deb"), key=lambda path: path.stat().st_mtime)
            for debian in machine.SUITES}


@pytest.fixture(scope="session", params=sorted(machine.SUITES), ids="Debian {}".format)
def debian(request):
    """A release that there is a package for."""
    if why := machine.missing():
        pytest.skip(f"no machine can be booted here: {why}")
    if not packages()[request.param]:
        pytest.skip(f"there is no package for Debian {request.param}: tools/package --debian {request.param}")
    return request.param


@pytest.fixture(scope="session")
def package(debian):
    return packages()[debian][-1]


@pytest.fixture(scope="session")
def later_package(package, tmp_path_factory):
    """The same of a later version."""
    folder = tmp_path_factory.mktemp("later")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    old = next(line for line in control.read_text().splitlines() if line.startswith("Version: "))
    control.write_text(control.read_text().replace(old, old + ".1"))
    name, _, architecture = package.stem.split("_")
    made = folder / f"{name}_{old.removeprefix('Version: ')}.1_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder / "tree", made], check=True, capture_output=True)
    return made


@pytest.fixture(scope="session")
def base(debian, tmp_path_factory):
    """A Debian nobody has touched."""
    kept = os.environ.get("TIDEMARK_MACHINES")
    folder = (Path(kept) if kept else tmp_path_factory.mktemp("base")) / f"debian{debian}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = folder.with_suffix(".half")
        machine.bootstrap(debian, half)
        half.rename(folder)
    return folder


@pytest.fixture(scope="module")
def fresh(base, package, tmp_path_factory):
    """A function that boots a fresh machine with the package in /root, not installed."""
    made = []

    def boot(*further, also=()):
        one = machine.Machine(tmp_path_factory.mktemp("machine") / "root", base)
        made.append(one)
        for path in (package, *further):
            (one.folder / "root" / path.name).write_bytes(path.read_bytes())
        one.fetch(f"/root/{package.name}", *also)
        return one.boot()

    yield boot
    for one in made:
        one.remove()
