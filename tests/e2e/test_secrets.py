"""Secrets stand nowhere: not in what the program says, not in what it keeps, however they were given to it."""

import signal
import subprocess

import pytest

import harness
import peers

# Each key that has a twin NAME_file: a secret, or what belongs to one.
SECRETS = {"sources.password", "sources.username", "sinks.password", "sinks.username"}
FORMS = ("literal", "variable", "default", "file")

CONFIG = """
[log]
level = "trace"

[checkpoint]
interval = "1h"

[journal]
sync = "0s"

[sources.lines]
type = "tcp"
listen = "127.0.0.1:{port}"
ack = true

{brokers}
[pipelines.counts]
from = ["lines", {sources}]
key_by = ["k"]
select = ["count(*) AS n"]
to = ["counts", {sinks}]

[sinks.counts]
type = "file"
path = "counts.jsonl"
flush = "10ms"
"""


class Secrets:
    """A source and a sink for each form that a secret may be given in, and what must be seen of it nowhere."""

    def __init__(self, directory, url):
        self.directory = directory
        self.values, self.env, self.brokers = [], {}, []
        for form in FORMS:
            for kind, topic in (("sources", 'topics = ["in"]'), ("sinks", 'topic = "out"')):
                # An account's name alone is no secret; one that is read from a file is treated as one.
                name = self._line(kind, "username", "file") if form == "file" else 'username = "press"'
                self.brokers.append("\n".join([f"[{kind}.{kind}_{form}]", 'type = "mqtt"', f'url = "{url}"', topic, name,
                                               self._line(kind, "password", form), ""]))

    def _line(self, kind, key, form):
        value = f"geheim-{kind}-{key}-{form}-q7x"
        self.values.append(value)
        name = f"SECRET_{kind}_{key}_{form}".upper()
        if form == "literal":
            return f'{key} = "{value}"'
        if form == "variable":
            self.env[name] = value
            return f'{key} = "${{{name}}}"'
        if form == "default":
            return f'{key} = "${{{name}:-{value}}}"'
        path = self.directory / name
        path.write_text(value + "\n")
        return f'{key}_file = "{path}"'

    def config(self, port):
        sources, sinks = (", ".join(f'"{kind}_{form}"' for form in FORMS) for kind in ("sources", "sinks"))
        return CONFIG.format(port=port, brokers="\n".join(self.brokers), sources=sources, sinks=sinks)

    def in_(self, text):
        return [value for value in self.values if value in text]


@pytest.fixture
def broker(start_mosquitto, tmp_path):
    """One that refuses every account, so that what goes wrong is logged."""
    accounts = tmp_path / "accounts"
    subprocess.run(["mosquitto_passwd", "-b", "-c", accounts, "press", "another"], check=True, capture_output=True)
    accounts.chmod(0o600)
    return start_mosquitto(allow_anonymous="false", password_file=accounts)


def test_every_key_with_a_file_beside_it_is_looked_at(interface):
    keys = {key["name"] for key in interface["settings"]}
    assert {key for key in keys if f"{key}_file" in keys} == SECRETS


def test_secrets_stand_nowhere(broker, tidemark, tmp_path):
    instance = tidemark("")
    secrets = Secrets(tmp_path, broker.url)
    assert len(set(secrets.values)) == 10
    instance.env.update(secrets.env)
    port = harness.free_port()
    config = secrets.config(port)
    instance.write_config(config)
    said = []

    def say(*words, check=True, json=False):
        result = instance.command(*words, *(["--json"] if json else []), check=check)
        said.append(result.stdout + result.stderr)
        return result

    def status():
        return instance.command("status", json=True)

    say("check")
    instance.start()
    peer = peers.Peer(port, "press")
    peer.send('{"k":"a"}', '{"k":"b"}')
    peer.flush()
    harness.wait_until(lambda: all(part["degraded"] for kind in ("sources", "sinks") for part in status()[kind]
                                   if part["type"] == "mqtt"), what="every refusal")
    for words in (("status",), ("checkpoint", "create"), ("checkpoint", "list"), ("checkpoint", "show", "chk-1"),
                  ("state", "get", "counts")):
        for json in (False, True):
            if words[-1] != "create" or not json:
                say(*words, json=json)
    savepoint = tmp_path / "now.savepoint"
    say("savepoint", "create", savepoint)

    # Read again: with other passwords; misspelt; without quotes; as part of a url.
    changes = [("geheim-", "geheim-new-"), ("password = ", "passwort = "), ('password = "geheim', "password = geheim"),
               (f'"{broker.url}"', f'"{broker.url.replace("//", "//press:geheim-sources-password-literal-q7x@")}"')]
    before = status()["configuration_loaded"]
    for number, change in enumerate(changes):
        instance.write_config(config.replace(*change))
        instance.process.send_signal(signal.SIGHUP)
        if number == 0:
            harness.wait_until(lambda: status()["configuration_loaded"] != before, what="the new configuration")
        else:
            harness.wait_until(lambda: instance.stderr().count("read again and refused") == number, what="the refusal")
            assert say("check", check=False).returncode == 2
        say("status", check=number in (0, 1))  # the others are no TOML, or name no broker
    instance.write_config(config)
    instance.kill9()
    instance.start()
    assert instance.terminate() == 0
    newest = instance.command("checkpoint", "list", json=True)[-1]["id"]
    for words in (("checkpoint", "verify"), ("checkpoint", "show", newest), ("replay",), ("state", "get", "counts")):
        say(*words)

    for text in (*said, instance.stderr()):
        assert not secrets.in_(text), text
    kept = [path for path in instance.data_dir.rglob("*") if path.is_file()] + [savepoint]
    assert len(kept) > 10
    for path in kept:
        assert not secrets.in_(path.read_bytes().decode(errors="replace")), path
