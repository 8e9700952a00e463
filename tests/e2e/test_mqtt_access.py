"""How an mqtt source gets in: TLS, accounts, shared subscriptions; and what it subscribes to, and no longer does."""

import json
import subprocess

import pytest

import harness
import publisher
import rows

CONFIG = """
[sources.input]
type = "mqtt"
{source}
format = "json"
fields = ["v:int"]

[pipelines.sums]
from = ["input"]
key_by = ["1 AS one"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["sums"]

[sinks.sums]
type = "sqlite"
path = "sums.db"
table = "sums"
mode = "upsert"
flush = "50ms"
"""


def source_of(instance):
    return instance.command("status", json=True)["sources"][0]


def connected(instance):
    harness.wait_until(lambda: source_of(instance)["state"] == "connected", what="the connection")
    return instance


def subscribed(instance, broker):
    """After a first start: messages published before the SUBSCRIBE would be nobody's. `broker` logs all."""
    harness.wait_until(lambda: "Sending SUBACK to" in broker.log_file.read_text(), what="the subscription")
    return connected(instance)


def sums(instance):
    found = rows.query(instance.data_dir / "sums.db", "SELECT n, total FROM sums")
    return found[0] if found else (0, None)


def expect(instance, n, total):
    harness.wait_until(lambda: sums(instance) == (n, total), what=f"{n} messages that add up to {total}")


class Authority:
    """A certificate authority of the test's own, made with openssl."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.certificate = directory / "ca.crt"
        self._openssl("req", "-x509", *self._new_key("ca"), "-out", self.certificate, "-days", "2", "-subj", "/CN=test CA")

    def sign(self, name, subject):
        """The paths of a certificate and its key."""
        self._openssl("req", *self._new_key(name), "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        (self.directory / "names").write_text("subjectAltName=DNS:localhost\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-out", f"{name}.crt", "-days", "2", "-extfile", "names")
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"

    @staticmethod
    def _new_key(name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=self.directory, check=True, capture_output=True)


@pytest.fixture
def broker(start_mosquitto):
    return start_mosquitto(log_type="all")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def accounts(tmp_path):
    """A password file for mosquitto with one account."""
    path = tmp_path / "accounts"
    subprocess.run(["mosquitto_passwd", "-b", "-c", path, "press", "s3cret-word"], check=True, capture_output=True)
    path.chmod(0o600)
    return path


def publish(broker, authority, account, topic, value):
    user, password, certificate, key = account
    subprocess.run(["mosquitto_pub", "-h", "localhost", "-p", str(broker.port), "--cafile", authority.certificate,
                    "--cert", certificate, "--key", key, "-u", user, "-P", password, "-q", "1", "-t", topic,
                    "-m", json.dumps({"v": value})], check=True, timeout=60)


@pytest.mark.interface("sources.url", "sources.ca_file", "sources.cert_file", "sources.key_file", "sources.username", "sources.password_file")
def test_tls_with_certificates_of_both_and_an_account(start_mosquitto, authority, accounts, tidemark):
    server, server_key = authority.sign("server", "localhost")
    client, client_key = authority.sign("client", "tidemark")
    broker = start_mosquitto(cafile=authority.certificate, certfile=server, keyfile=server_key,
                             log_type="all", require_certificate="true", allow_anonymous="false", password_file=accounts)
    instance = tidemark("", env={"BROKER_USER": "press"})
    secret = instance.directory / "password"
    secret.write_text("s3cret-word\n")
    instance.write_config(CONFIG.format(source=f"""url = "mqtts://localhost:{broker.port}"
topics = ["in"]
ca_file = "{authority.certificate}"
cert_file = "{client}"
key_file = "{client_key}"
username = "${{BROKER_USER}}"
password_file = "{secret}"
"""))
    subscribed(instance.start(), broker)
    for value in (1, 2, 3):
        publish(broker, authority, ("press", "s3cret-word", client, client_key), "in", value)
    expect(instance, 3, 6)
    instance.kill9()
    publish(broker, authority, ("press", "s3cret-word", client, client_key), "in", 4)
    connected(instance.start())  # the session waited for it
    expect(instance, 4, 10)
    assert instance.terminate() == 0
    kept = instance.stderr() + "".join(file.read_text(errors="replace") for file in instance.data_dir.rglob("*")
                                       if file.is_file())
    assert "s3cret-word" not in kept


def test_a_broker_of_another_authority_is_not_trusted(start_mosquitto, authority, tmp_path, tidemark):
    stranger = Authority(tmp_path / "stranger")
    server, server_key = stranger.sign("server", "localhost")
    broker = start_mosquitto(cafile=stranger.certificate, certfile=server, keyfile=server_key)
    instance = tidemark(CONFIG.format(source=f"""url = "mqtts://localhost:{broker.port}"
topics = ["in"]
ca_file = "{authority.certificate}"
""")).start()
    harness.wait_until(lambda: source_of(instance)["degraded"], what="the refusal")
    assert source_of(instance)["state"] != "connected"
    assert "connected to" not in source_of(instance)["detail"].replace("not connected to", "")
    assert instance.terminate() == 0


@pytest.mark.interface("sources.username_file", "sinks.username_file", "sinks.password_file")
def test_a_wrong_password_is_said_and_the_right_one_gets_in(start_mosquitto, accounts, tidemark):
    broker = start_mosquitto(allow_anonymous="false", password_file=accounts)
    instance = tidemark("")
    user, password = instance.directory / "user", instance.directory / "password"
    user.write_text("press\n")
    password.write_text("wrong\n")
    account = f'url = "{broker.url}"\nusername_file = "{user}"\npassword_file = "{password}"\n'
    config = CONFIG.format(source=account + 'topics = ["in"]\n').replace('to = ["sums"]', 'to = ["sums", "echo"]')
    instance.write_config(config + f'[sinks.echo]\ntype = "mqtt"\ntopic = "out"\n{account}')
    instance.start()
    harness.wait_until(lambda: "auth" in source_of(instance)["degraded"].lower(), what="the refusal")
    assert instance.terminate() == 0
    password.write_text("s3cret-word\n")
    connected(instance.start())
    harness.wait_until(lambda: {sink["name"]: sink["state"] for sink in instance.command("status", json=True)["sinks"]}
                       ["echo"] in ("connected", "ready"), what="the sink")
    assert instance.terminate() == 0


@pytest.mark.interface("sources.topics")
def test_two_instances_share_the_messages_of_one_filter(broker, tidemark):
    config = CONFIG.format(source=f'url = "{broker.url}"\ntopics = ["$share/hall/in/#"]\n')
    pair = [connected(tidemark(config).start()) for _ in range(2)]
    harness.wait_until(lambda: broker.log_file.read_text().count("Sending SUBACK to") == 2, what="both subscriptions")
    sender = publisher.Publisher(broker.port)
    for value in range(400):
        sender.publish(f"in/{value}", json.dumps({"v": value}))
    sender.flush()
    sender.close()
    harness.wait_until(lambda: sum(sums(instance)[0] for instance in pair) == 400, what="all messages")
    assert sum(sums(instance)[1] for instance in pair) == sum(range(400))
    assert all(sums(instance)[0] > 0 for instance in pair)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_filter_that_was_removed_is_unsubscribed(protocol, broker, tidemark):
    def config(*topics):
        return CONFIG.format(source=f'url = "{broker.url}"\ntopics = {json.dumps(topics)}\nprotocol = "{protocol}"\n')

    instance = subscribed(tidemark(config("old/#", "new/#")).start(), broker)
    sender = publisher.Publisher(broker.port)

    def send(topic, value):
        sender.publish(topic, json.dumps({"v": value}))
        sender.flush()

    send("old/a", 1)
    send("new/a", 2)
    expect(instance, 2, 3)
    assert instance.terminate() == 0
    instance.write_config(config("new/#"))
    connected(instance.start())
    harness.wait_until(lambda: "Sending UNSUBACK to" in broker.log_file.read_text(), what="the UNSUBSCRIBE")
    send("new/a", 4)
    expect(instance, 3, 7)
    send("old/a", 8)
    send("new/a", 16)
    expect(instance, 4, 23)
    instance.kill9()  # nor does the session remember it
    send("old/a", 32)
    send("new/a", 64)
    connected(instance.start())
    expect(instance, 5, 87)
    sender.close()
    assert instance.terminate() == 0


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.interface("sources.retained", "sources.protocol")
@pytest.mark.parametrize("retained, counted", [("never", (0, 0)), ("first", (1, 1)), ("always", (1, 2))])
def test_retained_messages_count_as_the_policy_says(retained, counted, protocol, broker, tidemark):
    sender = publisher.Publisher(broker.port)
    sender.publish("in", json.dumps({"v": 1}), retain=True)
    sender.flush()
    instance = tidemark(CONFIG.format(
        source=f'url = "{broker.url}"\ntopics = ["in"]\nretained = "{retained}"\nprotocol = "{protocol}"\n'))
    for turn, before in enumerate(counted):
        subscribed(instance.start(), broker)
        sender.publish("in", json.dumps({"v": 10}))  # a message of now: counted under every policy
        sender.flush()
        n = before + turn + 1
        expect(instance, n, before + 10 * (turn + 1))
        assert instance.terminate() == 0
    sender.close()


@pytest.mark.interface("sources.qos")
def test_qos_2_is_said_to_be_1(tidemark):
    instance = tidemark(CONFIG.format(source='url = "mqtt://localhost"\ntopics = ["in"]\nqos = 2\n'))
    result = instance.command("check")
    assert "1 is used" in result.stdout + result.stderr
