"""The package in a fresh Debian with systemd: installed, run, crashed, upgraded, removed, purged.

One machine goes through it in the order of the tests; a test names in its own words what it begins with.
"""

import json
import re
import shutil
import subprocess

import pytest

COUNTS = """
[sources.words]
type = "tcp"
listen = "127.0.0.1:9999"
format = "csv"
fields = ["word:string"]
ack = true

[pipelines.counts]
from = ["words"]
key_by = ["word"]
select = ["count(*) AS n"]
to = ["history", "lines"]

[sinks.history]
type = "sqlite"
path = "history.db"
table = "counts"
mode = "upsert"
flush = "100ms"

[sinks.lines]
type = "file"
path = "lines.jsonl"
flush = "100ms"
"""


@pytest.fixture(scope="module")
def box(fresh, later_package):
    return fresh(later_package, also=["sqlite3"])


def send(box, *words):
    """Sends lines and returns when they are acknowledged: durable."""
    box.wait("(exec 3<>/dev/tcp/127.0.0.1/9999) 2>/dev/null", "the listener")
    lines = "".join(word + "\\n" for word in words)
    box.run(f"""exec 3<>/dev/tcp/127.0.0.1/9999
printf '{lines}' >&3
while read -r -t 30 line <&3; do
  [[ $line == '{{"ack":{len(words)}}}' ]] && exit 0
done
echo "last answer: $line" >&2; exit 1""")


def counts(box):
    return dict(line.split("|") for line in box.output(
        "sqlite3 -readonly /var/lib/tidemark/history.db 'SELECT word, n FROM counts'").splitlines())


def wait_counts(box, **expected):
    expected = {word: str(n) for word, n in expected.items()}
    conditions = " ".join(f"{word}|{n}" for word, n in sorted(expected.items()))
    box.wait("[[ $(sqlite3 -readonly /var/lib/tidemark/history.db 'SELECT word, n FROM counts ORDER BY 1' 2>/dev/null | xargs) "
             f"== '{conditions}' ]] || {{ sqlite3 -readonly /var/lib/tidemark/history.db 'SELECT word, n FROM counts'; exit 1; }}",
             f"the counts {conditions}")
    assert counts(box) == expected


def files(box):
    """Everything on the machine but what belongs to others: processes, logs, the package manager, and its caches."""
    return set(box.output(
        "find / -xdev -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/*' -not -path '/tmp/*' "
        "-not -path '/var/log/*' -not -path '/var/cache/*' -not -path '/var/lib/apt/*' -not -path '/var/lib/dpkg/*' "
        "-not -path '/var/backups/*' -not -path '/var/tmp/*' -not -path '/root/*' -not -path '/etc/*-'").splitlines())


def accounts(box):
    return box.output("cat /etc/passwd /etc/group")


def property_of(box, name):
    return box.output(f"systemctl show -P {name} tidemark")


def dependencies(package):
    """What the package needs, without versions."""
    text = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True).stdout
    return re.sub(r"\([^)]*\)", "", text).replace(",", " ").split()


@pytest.fixture(scope="module")
def before(box, package):
    """The files and accounts there were before it was installed."""
    box.run(f"apt-get install -qq -y --no-install-recommends sqlite3 {' '.join(dependencies(package))}", timeout=300)
    return files(box), accounts(box)


def test_it_installs_and_runs_with_its_default_configuration(box, package, before):
    box.run(f"apt-get install -qq -y --no-install-recommends ./{package.name}", timeout=300)
    assert property_of(box, "ActiveState") == "active"
    assert box.output("tidemark check") != "" and box.run("tidemark status").returncode == 0
    assert box.output("ps -o user= -C tidemark") == "tidemark"
    assert box.output("stat -c %U:%G:%a /var/lib/tidemark") == "tidemark:tidemark:750"
    assert "enabled" in box.output("systemctl is-enabled tidemark")


def test_it_opens_no_port(box):
    assert not re.search(r" 0A ", box.output("cat /proc/net/tcp /proc/net/tcp6"))


def test_the_unit_is_well_formed_and_little_exposed(box):
    verified = box.run("systemd-analyze verify --man=no tidemark.service")
    assert (verified.stdout, verified.stderr) == ("", "")
    security = box.run("systemd-analyze security --threshold=20 --no-pager tidemark.service", check=False)
    assert security.returncode == 0, security.stdout


def test_documents_stand_where_they_are_looked_for(box, package):
    listed = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    for path in ("man/man1/tidemark.1.gz", "man/man5/tidemark.toml.5.gz", "bash-completion/completions/tidemark",
                 "zsh/vendor-completions/_tidemark", "fish/vendor_completions.d/tidemark.fish"):
        assert f"./usr/share/{path}" in listed


def test_it_counts_and_a_member_of_the_group_may_look(box):
    (box.folder / "etc/tidemark/conf.d/counts.toml").write_text(COUNTS)
    box.run("systemctl restart tidemark")
    send(box, "a", "b", "a")
    wait_counts(box, a=2, b=1)
    box.run("useradd -m visitor && useradd -m -G tidemark member")
    assert json.loads(box.output("tidemark status --json", user="member"))["phase"] == "running"
    assert box.run("tidemark status", user="visitor", check=False).returncode == 1
    assert "a|2" in box.output("sqlite3 /var/lib/tidemark/history.db 'SELECT word, n FROM counts'", user="member")
    assert box.run("cat /var/lib/tidemark/lines.jsonl", user="visitor", check=False).returncode != 0


def test_after_a_crash_it_is_started_again_and_goes_on(box):
    before = int(property_of(box, "NRestarts"))
    box.run("systemctl kill --signal=KILL tidemark")
    box.wait(f"[[ $(systemctl show -P NRestarts tidemark) == {before + 1} ]] && systemctl -q is-active tidemark")
    send(box, "a")
    wait_counts(box, a=3, b=1)


def test_one_that_hangs_is_ended_by_the_watchdog_and_goes_on(box):
    box.run("mkdir -p /run/systemd/system/tidemark.service.d && "
            "printf '[Service]\\nWatchdogSec=3s\\n' > /run/systemd/system/tidemark.service.d/quick.conf && "
            "systemctl daemon-reload && systemctl restart tidemark")
    first = property_of(box, "MainPID")
    box.run(f"kill -STOP {first}")
    box.wait(f"[[ $(systemctl show -P MainPID tidemark) != {first} ]] && systemctl -q is-active tidemark",
             "the watchdog", timeout=120)
    assert "watchdog" in box.journal().lower()
    box.run("rm -r /run/systemd/system/tidemark.service.d && systemctl daemon-reload && systemctl restart tidemark")
    send(box, "b")
    wait_counts(box, a=3, b=2)


def test_a_power_cut_loses_nothing(box):
    send(box, "c")
    box.cut()
    box.boot()
    box.wait("systemctl -q is-active tidemark")
    wait_counts(box, a=3, b=2, c=1)


def test_a_configuration_that_does_not_hold_is_not_tried_again_and_again(box):
    broken = box.folder / "etc/tidemark/conf.d/broken.toml"
    broken.write_text("[checkpoint]\nintervall = '1s'\n")
    assert box.run("systemctl restart tidemark", check=False).returncode != 0
    assert property_of(box, "ActiveState") == "failed"
    assert (property_of(box, "ExecMainStatus"), property_of(box, "NRestarts")) == ("2", "0")
    assert "did you mean `interval`" in box.journal()
    broken.unlink()
    box.run("systemctl start tidemark")
    wait_counts(box, a=3, b=2, c=1)


def test_a_reload_changes_what_runs_and_a_bad_one_changes_nothing(box):
    process = property_of(box, "MainPID")
    more = box.folder / "etc/tidemark/conf.d/more.toml"
    more.write_text("""
[sources.more]
type = "tcp"
listen = "127.0.0.1:9998"

[pipelines.words_again]
from = ["more"]
select = ["word"]
to = ["more"]

[sinks.more]
type = "file"
path = "more.jsonl"
flush = "100ms"
""")
    box.run("systemctl reload tidemark")
    box.wait("(exec 3<>/dev/tcp/127.0.0.1/9998) 2>/dev/null", "the new listener")
    box.run("""echo '{"word":"new"}' > /dev/tcp/127.0.0.1/9998""")
    box.wait("""grep -qx '{"word":"new"}' /var/lib/tidemark/more.jsonl""", "the new sink")

    more.write_text(more.read_text().replace('"file"', '"fille"'))
    assert box.run("systemctl reload tidemark", check=False).returncode != 0
    assert 'did you mean "file"?' in box.journal()
    box.run("""echo '{"word":"still"}' > /dev/tcp/127.0.0.1/9998""")
    box.wait("""grep -qx '{"word":"still"}' /var/lib/tidemark/more.jsonl""", "the sink from before")

    more.unlink()
    box.run("systemctl reload tidemark")
    box.wait("! (exec 3<>/dev/tcp/127.0.0.1/9998) 2>/dev/null", "the end of the listener")
    assert property_of(box, "MainPID") == process and property_of(box, "ActiveState") == "active"
    wait_counts(box, a=3, b=2, c=1)


def test_a_stop_by_command_stays_stopped(box):
    box.run("tidemark stop")
    box.wait("[[ $(systemctl show -P ActiveState tidemark) == inactive ]]")
    box.run("systemctl start tidemark")


def test_under_its_restrictions_mqtt_works_and_other_places_are_out_of_reach(box, tmp_path):
    if not shutil.which("mosquitto"):
        pytest.skip("mosquitto is not installed")
    log = (tmp_path / "mosquitto.log").open("wb")
    broker = box.beside(["mosquitto", "-p", "1883"], stdout=log, stderr=log)
    plant = box.folder / "etc/tidemark/conf.d/plant.toml"
    plant.write_text("""
[sources.plant]
type = "mqtt"
url = "mqtt://localhost:1883"
topics = ["plant/+"]
topic_fields = "plant/{device}"

[pipelines.hot]
from = ["plant"]
where = "temp > 90"
select = ["device", "temp"]
to = ["alerts"]

[sinks.alerts]
type = "mqtt"
url = "mqtt://localhost:1883"
topic = "alerts/{device}"
""")
    try:
        box.run("systemctl restart tidemark")
        box.wait("journalctl -u tidemark | grep -q 'sources.plant: connected'", "the broker")
        heard = box.beside(["mosquitto_sub", "-t", "alerts/#", "-C", "1", "-v"], stdout=subprocess.PIPE, text=True)
        for _ in range(60):  # until the subscriber is there as well
            box.beside(["mosquitto_pub", "-q", "1", "-t", "plant/press", "-m", '{"temp":95}']).wait()
            try:
                out, _ = heard.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                continue
        assert out.startswith("alerts/press ") and json.loads(out.split(" ", 1)[1]) == {"device": "press", "temp": 95}

        plant.write_text('[sinks.elsewhere]\ntype = "file"\npath = "/srv/out.jsonl"\n\n'
                         '[pipelines.words_again]\nfrom = ["words"]\nselect = ["word"]\nto = ["elsewhere"]\n')
        box.run("systemctl restart tidemark", check=False)
        box.wait("journalctl -u tidemark | grep -q '/srv/out.jsonl.*Read-only file system'", "the refusal")
    finally:
        broker.kill()
        broker.wait()
        plant.unlink()
        box.run("systemctl reset-failed tidemark; systemctl restart tidemark")
    wait_counts(box, a=3, b=2, c=1)


def test_root_may_go_back_and_the_service_can_still_read_its_state(box):
    send(box, "e")
    box.run("tidemark savepoint create /root/now.savepoint")
    box.run("systemctl stop tidemark && umask 077 && tidemark restore /root/now.savepoint && systemctl start tidemark")
    send(box, "e")
    wait_counts(box, a=3, b=2, c=1, e=2)
    name = box.output("tidemark checkpoint create")
    send(box, "f")
    box.run(f"systemctl stop tidemark && umask 077 && tidemark restore {name} && systemctl start tidemark")
    send(box, "f")
    wait_counts(box, a=3, b=2, c=1, e=2, f=2)


def test_an_upgrade_keeps_state_and_resumes(box, later_package):
    send(box, "d")
    process = property_of(box, "MainPID")
    box.run(f"apt-get install -qq -y --no-install-recommends ./{later_package.name}")
    assert property_of(box, "ActiveState") == "active" and property_of(box, "MainPID") != process
    assert box.output("dpkg-query -W -f '${Version}' tidemark").endswith(".1")
    send(box, "d", "a")
    wait_counts(box, a=4, b=2, c=1, d=2, e=2, f=2)
    assert (box.folder / "etc/tidemark/conf.d/counts.toml").read_text() == COUNTS


def test_an_upgrade_keeps_a_changed_configuration(box, package):
    config = box.folder / "etc/tidemark/tidemark.toml"
    config.write_text(config.read_text() + '\n[log]\n' if "[log]" not in config.read_text() else
                      config.read_text().replace("#retain = 3", "retain = 4"))
    changed = config.read_text()
    box.run(f"apt-get install -qq -y --no-install-recommends --allow-downgrades ./{package.name}")
    assert config.read_text() == changed
    assert property_of(box, "ActiveState") == "active"


def test_removing_it_keeps_its_state_and_installing_it_again_goes_on(box, package):
    box.run("apt-get remove -qq -y tidemark")
    assert not (box.folder / "usr/bin/tidemark").exists()
    assert box.run("systemctl is-active tidemark", check=False).stdout.strip() == "inactive"
    assert (box.folder / "var/lib/tidemark/checkpoints").is_dir()
    box.run(f"apt-get install -qq -y --no-install-recommends ./{package.name}")
    send(box, "d")
    wait_counts(box, a=4, b=2, c=1, d=3, e=2, f=2)


def test_purging_it_leaves_nothing_and_takes_nothing_else(box, before):
    (box.folder / "etc/tidemark/conf.d/counts.toml").unlink()
    box.run("userdel -r visitor; userdel -r member", check=False)
    box.run("apt-get purge -qq -y tidemark")
    had, had_accounts = before
    has = files(box)
    assert has - had == set() and had - has == set()
    assert accounts(box) == had_accounts
    assert not (box.folder / "run/tidemark").exists()
