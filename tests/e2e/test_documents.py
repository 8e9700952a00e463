"""Manual pages and completions, which are made of the program's own declarations."""

import json
import re
import shutil
import subprocess

import pytest

import harness

PAGES = ("tidemark.1", "tidemark.toml.5")


@pytest.fixture(scope="module")
def documents(interface, tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    (folder / "interface.json").write_text(json.dumps(interface))
    subprocess.run([harness.ROOT / "tools/interface/documents", folder / "interface.json", "--version", "1.2.3",
                    "--to", folder], check=True)
    return folder


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def plain(page):
    """The page's source without its escapes."""
    return re.sub(r"\\f[BIRP]|\\&", "", page.read_text()).replace("\\-", "-").replace("\\e", "\\")


@pytest.mark.parametrize("page", PAGES)
def test_a_manual_page_is_well_formed(documents, page):
    need("mandoc")
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", documents / page], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES)
def test_groff_has_no_warnings_about_a_manual_page(documents, page):
    need("groff")
    shown = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-Kutf8", documents / page], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "1.2.3" in shown.stdout


def test_the_manual_page_of_the_configuration_explains_every_key(documents, interface):
    text = plain(documents / "tidemark.toml.5")
    for key in interface["settings"]:
        assert f"\n.B {key['key']}\n" in text, key["name"]
        assert all(f'"{word}"' in text for word in key["words"])


def test_the_manual_page_of_the_configuration_explains_every_function_and_aggregate(documents, interface):
    text = plain(documents / "tidemark.toml.5")
    functions = [function for group in interface["functions"] for function in group["functions"]]
    for call in functions + interface["aggregates"]:
        assert f"\n.B {call['signature']}\n" in text
    for function in functions:
        assert f"\n{function['example']}\n" in text
    assert len(functions) >= 15 and len(interface["aggregates"]) >= 9


def test_the_manual_page_of_the_configuration_explains_every_format(documents, interface):
    text = plain(documents / "tidemark.toml.5")
    formats = text[text.index(".SH FORMATS"):text.index(".SH EXPRESSIONS")]
    words = next(key["words"] for key in interface["settings"] if key["name"] == "sources.format")
    assert re.findall(r"\n\.SS (\w+)\n", formats) == words


def test_the_manual_page_of_the_program_explains_every_command_and_option(documents, interface):
    text = plain(documents / "tidemark.1")
    for command in interface["commands"]:
        assert re.search(rf"\b{command['name']}\b", text), command["name"]
        for option in command["options"]:
            assert any(name in text for name in option["names"]), (command["name"], option["names"])


def test_the_help_of_every_command_says_what_the_interface_says(tidemark_binary, interface):
    for command in interface["commands"]:
        shown = subprocess.run([tidemark_binary, *command["name"].split(), "--help"], capture_output=True, text=True).stdout
        assert all(name in shown for option in command["options"] for name in option["names"]), command["name"]


def bash(documents, line, cwd):
    """What bash offers for the last word of `line`."""
    words = line.split(" ")
    script = f"""source {documents}/tidemark.bash
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}) COMP_CWORD={len(words) - 1}
_tidemark; printf '%s\\n' "${{COMPREPLY[@]}}" """
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=cwd)
    assert found.stderr == ""
    return found.stdout.split()


def test_bash_offers_every_command_and_option(documents, interface, tmp_path):
    first = {command["name"].split()[0] for command in interface["commands"]}
    assert first <= set(bash(documents, "tidemark ", tmp_path))
    for command in interface["commands"]:
        if " " in command["name"]:
            group, word = command["name"].split()
            assert word in bash(documents, f"tidemark {group} ", tmp_path)
        names = {name for option in command["options"] for name in option["names"]}
        assert names == set(bash(documents, f"tidemark {command['name']} -", tmp_path)), command["name"]


def test_bash_completes_what_was_begun(documents, tmp_path):
    (tmp_path / "plant.toml").touch()
    assert bash(documents, "tidemark chec", tmp_path) == ["check", "checkpoint"]
    assert bash(documents, "tidemark run --config pl", tmp_path) == ["plant.toml"]
    assert bash(documents, "tidemark run --from la", tmp_path) == ["latest"]


def test_fish_offers_every_command_and_option(documents, interface):
    need("fish")
    for command in interface["commands"]:
        line = f"tidemark {command['name']} --"
        script = f"source {documents}/tidemark.fish; complete -C '{line}'"
        offered = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True).stdout.split()
        assert all(option["names"][0] in offered for option in command["options"]), command["name"]


def test_zsh_can_read_its_completion(documents, interface):
    need("zsh")
    assert subprocess.run(["zsh", "-n", documents / "_tidemark"], capture_output=True).stderr == b""
    text = (documents / "_tidemark").read_text()
    assert text.startswith("#compdef tidemark\n")
    assert all(option["names"][0] in text for command in interface["commands"] for option in command["options"])
