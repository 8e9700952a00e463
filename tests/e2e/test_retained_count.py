"""The retained count: what `tidemark stop` leaves, how many checkpoints are kept, and that counts go on."""

import pytest

import examples
import harness
import peers
import rows


def order(port, stream, *lines):
    peer = peers.Peer(port, "till", stream)
    peer.send(*lines)
    peer.flush().close()


def customers(instance):
    return rows.query(instance.data_dir / "customers.db",
                      "SELECT customer, orders, pieces FROM customers ORDER BY customer")


def checkpoints(instance):
    return [row["id"] for row in instance.command("checkpoint", "list", json=True)]


@pytest.fixture
def counting(tidemark, free_port):
    port = free_port()
    return examples.use(tidemark, "retained-count", PORT=port).start(), port


def test_counts_go_on_over_stops_and_kills(counting):
    instance, port = counting
    order(port, "a", "ann,3", "bob,1", "ann,2")
    instance.command("stop")
    assert instance.wait() == 0
    assert customers(instance) == [("ann", 2, 5), ("bob", 1, 1)]
    instance.start()
    order(port, "b", "ann,1")
    assert instance.kill9() == -9
    instance.start()
    order(port, "c", "bob,1", "eve,7")
    assert instance.terminate() == 0
    assert customers(instance) == [("ann", 3, 6), ("bob", 2, 2), ("eve", 1, 7)]


@pytest.mark.interface("sources.ack")
def test_a_peer_is_told_how_far_it_had_come_and_resends_the_rest(counting):
    instance, port = counting
    peer = peers.Peer(port, "till-1", "a")
    peer.send(*["ann,1"] * 50)
    peer.flush()
    assert instance.kill9() == -9
    instance.start()
    peer.send(*["ann,1"] * 10)
    peer.flush()
    assert (peer.acked, peer.reconnects) == (60, 2)
    peer.close()
    again = peers.Peer(port, "till-1", "a")
    again.send(*["ann,1"] * 60)  # a peer that has forgotten; the count tells it that all of it is there
    again.flush().close()
    assert instance.terminate() == 0
    assert customers(instance) == [("ann", 60, 60)]


@pytest.mark.interface("checkpoint.retain")
def test_three_checkpoints_are_kept_and_their_numbers_go_on(counting):
    instance, port = counting
    taken = []
    for turn in range(5):
        order(port, f"s{turn}", "ann,1")
        taken.append(instance.command("checkpoint", "create").stdout.strip())
    harness.wait_until(lambda: checkpoints(instance) == taken[-3:], what="the older ones to go")
    assert instance.terminate() == 0
    last = checkpoints(instance)
    assert len(last) == 3
    instance.start()
    name = instance.command("checkpoint", "create").stdout.strip()
    assert int(name.removeprefix("chk-")) > int(last[-1].removeprefix("chk-"))


@pytest.mark.interface("checkpoint.on_stop")
def test_with_delete_the_stop_command_leaves_no_checkpoint(counting):
    instance, port = counting
    assert instance.terminate() == 0
    text = instance.config_file.read_text().replace('on_stop = "retain"', 'on_stop = "delete"')
    instance.config_file.write_text(text)
    instance.start()
    order(port, "a", "ann,3")
    assert instance.terminate() == 0
    assert checkpoints(instance)  # a signal is no farewell
    instance.start()
    instance.kill9()
    assert checkpoints(instance)  # nor is a failure
    instance.start()
    instance.command("stop")
    assert instance.wait() == 0
    assert checkpoints(instance) == []
    instance.start()
    order(port, "b", "ann,1")
    assert instance.terminate() == 0
    assert customers(instance) == [("ann", 1, 1)]
