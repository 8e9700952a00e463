"""tools/check_layers sees each kind of offence, in small trees that commit it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LAYERS = """
base     :
platform : base
app      : base platform
pure base
vendor fmt     : base/format.h
vendor sqlite3 : platform/sqlite*
"""

GOOD = {
    "LAYERS": LAYERS,
    "base/text.h": '#include <string>\n#include "base/format.h"\n',
    "base/format.h": "#include <fmt/core.h>\n",
    "platform/sqlite.cc": '#include <sqlite3.h>\n#include <sys/stat.h>\n#include "base/text.h"\n',
    "app/main.cc": '#include "platform/sqlite.h"\n#include "app/command.h"\n',
}


def check(src, files):
    for name, text in files.items():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(text)
    return subprocess.run([ROOT / "tools/check_layers", src], capture_output=True, text=True)


def test_a_tree_that_keeps_the_rules_passes(tmp_path):
    result = check(tmp_path, GOOD)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


@pytest.mark.parametrize(
    "file, text, place, says",
    [
        ("base/up.cc", '\n#include "app/command.h"\n', "base/up.cc:2:", "base includes app/command.h"),
        ("platform/up.h", '#include "app/command.h"\n', "platform/up.h:1:", "LAYERS allows it: base platform"),
        ("app/near.cc", '#include "command.h"\n', "app/near.cc:1:", "names no folder"),
        ("app/store.cc", "#include <sqlite3.h>\n", "app/store.cc:1:", "only platform/sqlite* may include sqlite3"),
        ("app/quoted.cc", '#include "sqlite3.h"\n', "app/quoted.cc:1:", "only platform/sqlite*"),
        ("base/door.h", "#  include <fmt/format.h>\n", "base/door.h:1:", "only base/format.h may include fmt"),
        ("app/lz.cc", "#include <lz4.h>\n", "app/lz.cc:1:", "no `vendor` line"),
        ("app/new.cc", "#include <boost/regex.hpp>\n", "app/new.cc:1:", "no known library"),
        ("base/clock.cc", "#include <unistd.h>\n", "base/clock.cc:1:", "base is pure"),
        ("extra/a.cc", "", "extra/a.cc:1:", "extra is not in LAYERS"),
        ("stray.cc", "", "stray.cc:1:", "not in LAYERS"),
        ("base/text.h", '#include "base/text.h"\n', "base/text.h:1:", "include each other"),
        ("LAYERS", "base : app\n" + LAYERS, "LAYERS:1:", "does not stand above it"),
        ("LAYERS", LAYERS + "vendor novel : app/novel.cc\n", "LAYERS:8:", "library novel is unknown"),
        ("LAYERS", LAYERS + "some words here\n", "LAYERS:8:", "neither"),
    ],
)
def test_an_offence_is_reported_with_its_place(tmp_path, file, text, place, says):
    result = check(tmp_path, {**GOOD, file: text})
    assert result.returncode == 1
    assert f"{tmp_path}/{place}" in result.stdout
    assert says in result.stdout


def test_two_things_of_one_name_are_reported(tmp_path):
    files = {**GOOD, "base/place.h": "struct Place {\n};\n", "app/other.h": "class Place final : public Base {\n};\n"}
    result = check(tmp_path, files)
    assert result.returncode == 1
    assert f"{tmp_path}/base/place.h:1: Place is also the name of something in app/other.h" in result.stdout


def test_headers_that_include_each_other_over_three_files_are_reported(tmp_path):
    ring = {f"app/{a}.h": f'#include "app/{b}.h"\n' for a, b in ("12", "23", "31")}
    result = check(tmp_path, {**GOOD, **ring})
    assert result.returncode == 1
    assert "app/1.h -> app/2.h -> app/3.h -> app/1.h" in result.stdout
