"""Settings of MQTT, as a real broker sees them: its log says who connects, and how."""

import json
import re
import subprocess

import pytest

import harness
import publisher


def configuration(broker, source="", sink=""):
    return f"""
[sources.plant]
type = "mqtt"
url = "{broker.url}"
topics = ["plant/#"]
{source}

[pipelines.all]
from = ["plant"]
select = ["n"]
to = ["out"]

[sinks.out]
type = "mqtt"
url = "{broker.url}"
topic = "out"
{sink}
"""


def connected(instance):
    """Waits until both are."""
    harness.wait_until(lambda: all(one["state"] in ("connected", "ready") for kind in ("sources", "sinks")
                                   for one in instance.command("status", json=True)[kind]), what="the connections")


def log_of(broker, pattern):
    return re.findall(pattern, broker.log_file.read_text())


@pytest.mark.interface("sources.client_id", "sources.keep_alive", "sources.protocol", "sinks.client_id")
def test_the_broker_hears_who_connects_and_how(tidemark, start_mosquitto):
    broker = start_mosquitto()
    source = 'client_id = "press-hall"\nkeep_alive = "17s"\nprotocol = "3.1.1"\n'
    connected(tidemark(configuration(broker, source, 'client_id = "press-out"\n')).start())
    # p2: MQTT 3.1.1; p5: 5
    assert log_of(broker, r"as press-hall \(p2, c\d, k17")
    assert log_of(broker, r"as press-out \(p5, ")
    named = tidemark(configuration(broker)).start()
    connected(named)
    assert len(set(log_of(broker, r"as (\S+) \(p5, c\d, k60"))) >= 1
    assert named.terminate() == 0


@pytest.mark.interface("sources.qos", "sources.session_expiry")
def test_with_qos_1_the_broker_keeps_messages_for_as_long_as_the_session_lives(tidemark, start_mosquitto):
    broker = start_mosquitto()
    sender = publisher.Publisher(broker.port)

    def count(source, expected):
        instance = tidemark(configuration(broker, source, 'client_id = "out"\n')).start()
        connected(instance)
        assert instance.terminate() == 0
        sender.publish("plant/a", '{"n":1}')
        sender.flush()
        instance.start()
        connected(instance)
        sender.publish("plant/a", '{"n":2}')  # comes after the other, so that a count is final
        sender.flush()
        harness.wait_until(lambda: instance.command("status", json=True)["sources"][0]["records"] == expected,
                           what=f"{expected} messages")
        assert instance.terminate() == 0

    count('client_id = "one"\nqos = 1\nsession_expiry = "1h"\n', 2)
    count('client_id = "none"\nqos = 0\n', 1)


@pytest.mark.interface("sinks.qos", "sinks.retain")
def test_results_are_published_as_the_sink_says(tidemark, start_mosquitto):
    for sink, kept in (('qos = 0\nretain = true\n', 1), ('qos = 1\nretain = false\n', 0)):
        broker = start_mosquitto(log_type="all")
        instance = tidemark(configuration(broker, "", 'client_id = "out"\n' + sink)).start()
        connected(instance)
        sender = publisher.Publisher(broker.port)
        sender.publish("plant/a", '{"n":7}')
        sender.flush()
        qos = sink[6]
        harness.wait_until(lambda: log_of(broker, rf"Received PUBLISH from out \(d0, q{qos}, r{kept}"), what="the result")
        retained = subprocess.run(["mosquitto_sub", "-p", str(broker.port), "-t", "out", "--retained-only", "-C", "1", "-W",
                                   "30" if kept else "1"], capture_output=True, text=True).stdout
        assert (json.loads(retained) if kept else retained) == ({"n": 7} if kept else "")
        assert instance.terminate() == 0


@pytest.mark.interface("sources.username", "sources.password_file", "sinks.username", "sinks.password_file")
def test_the_password_may_stand_in_a_file(tidemark, start_mosquitto, tmp_path):
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "accounts", "plant", "secret words"], check=True)
    broker = start_mosquitto(allow_anonymous="false", password_file=tmp_path / "accounts")
    secret = tmp_path / "secret"
    secret.write_text("secret words\n")
    account = f'username = "plant"\npassword_file = "{secret}"\n'
    instance = tidemark(configuration(broker, account, account)).start()
    connected(instance)
    assert instance.terminate() == 0
    stored = [path.read_text(errors="replace") for path in instance.data_dir.rglob("*") if path.is_file()]
    assert not any("secret words" in text for text in [*stored, instance.stderr()])

    secret.write_text("wrong\n")
    instance.start(ready=False)
    harness.wait_until(lambda: "authori" in instance.stderr().lower(), what="the broker's refusal")
