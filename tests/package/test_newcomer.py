"""The README's walk from the package to a first window, word for word, on a fresh Debian."""

import re
import time

import conftest


def steps():
    """[(commands, what they print at last, or None)] of the section."""
    text = (conftest.ROOT / "README.md").read_text()
    text = text.split("\n## From the package to a first window\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```(sh|json)\n(.*?)```", text, re.S)
    found = []
    for kind, block in blocks:
        if kind == "sh":
            found.append((block, None))
        else:
            found[-1] = (found[-1][0], block)
    return found


def test_the_walk_leads_to_a_first_window(fresh):
    box = fresh()
    walk = steps()
    assert len(walk) >= 5 and sum(expected is not None for _, expected in walk) == 2
    for commands, expected in walk:
        if expected is None:
            box.run(commands, input="y\n", timeout=300)
            box.wait("systemctl -q is-active tidemark")
            continue
        deadline = time.monotonic() + 30  # "a second later"
        while (shown := box.run(commands, check=False).stdout) != expected:
            assert time.monotonic() < deadline, f"{commands} prints\n{shown}, not\n{expected}{box.journal()}"
            time.sleep(0.2)
