"""Sparkplug B messages, written by hand from the .proto of the specification (3.0, chapter 6.4), so that what reads
them in Tidemark is not what wrote them."""

import socket
import struct

import paho.mqtt.client as mqtt

import harness

# Numbers of the data types.
INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID, DATASET, \
    BYTES, FILE, TEMPLATE, PROPERTY_SET, PROPERTY_SET_LIST = range(1, 22)
INT32_ARRAY, DOUBLE_ARRAY = 24, 31

INTEGERS = {INT8: 32, INT16: 32, INT32: 32, UINT8: 32, UINT16: 32, UINT32: 32, INT64: 64, UINT64: 64, DATETIME: 64}


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """An integer as a varint, a float as a double, anything else by its bytes."""
    if isinstance(value, (bool, int)):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def value_field(first, kind, value):
    """The field that holds a value of a type; `first` is the number of int_value."""
    if kind in INTEGERS:
        # As Eclipse Tahu sends them: negative ones as the unsigned number of the same bits.
        return field(first + (INTEGERS[kind] == 64), value & (1 << INTEGERS[kind]) - 1)
    if kind == FLOAT:
        return varint((first + 2) << 3 | 5) + struct.pack("<f", value)
    if kind == DOUBLE:
        return field(first + 3, float(value))
    if kind == BOOLEAN:
        return field(first + 4, bool(value))
    if kind in (STRING, TEXT, UUID):
        return field(first + 5, value)
    return field({DATASET: 17, TEMPLATE: 18}.get(kind, 16), value)


def metric(name=None, kind=None, value=None, *, alias=None, time=None, declare=True, historical=False, properties=None):
    """`declare`: says its type, as births do; data need not."""
    out = b""
    if name is not None:
        out += field(1, name)
    if alias is not None:
        out += field(2, alias)
    if time is not None:
        out += field(3, time)
    if declare and kind is not None:
        out += field(4, kind)
    if historical:
        out += field(5, True)
    if properties:
        keys = b"".join(field(1, key) for key in properties)
        values = b"".join(field(2, field(1, kind_of) + value_field(3, kind_of, one)) for kind_of, one in properties.values())
        out += field(9, keys + values)
    return out + (field(7, True) if value is None else value_field(10, kind, value))


def message(*metrics, time=None, seq=None):
    out = b"" if time is None else field(1, time)
    out += b"".join(field(2, one) for one in metrics)
    return out if seq is None else out + field(3, seq)


def data_set(columns, *rows):
    """columns: name -> type."""
    out = field(1, len(columns)) + b"".join(field(2, name) for name in columns)
    out += b"".join(field(3, kind) for kind in columns.values())
    for row in rows:
        cells = (b"" if value is None else value_field(1, kind, value) for kind, value in zip(columns.values(), row))
        out += field(4, b"".join(field(1, cell) for cell in cells))
    return out


def template(*members, parameters=None):
    out = b"".join(field(2, one) for one in members)
    for name, (kind, value) in (parameters or {}).items():
        out += field(3, field(1, name) + field(2, kind) + value_field(3, kind, value))
    return out


def death(session):
    """A node's last will, with the number that its birth says too."""
    return message(metric("bdSeq", INT64, session))


REBIRTH = message(metric("Node Control/Rebirth", BOOLEAN, True))


class Node:
    """An edge node: a client whose last will is its death. Messages have QoS 0, as the specification wants them."""

    def __init__(self, port, topic, session):
        version = [mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []
        self._client = mqtt.Client(*version, client_id="edge", clean_session=True)
        self._client.will_set(topic, death(session), qos=1)
        self._client.connect("127.0.0.1", port)
        harness.wait_until(lambda: self._turn() and self._client.is_connected(), what="the node's connection")

    def _turn(self):
        assert self._client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS
        return True

    def publish(self, topic, payload):
        sent = self._client.publish(topic, payload, qos=0)
        harness.wait_until(lambda: self._turn() and sent.is_published(), what="a message to leave")

    def vanish(self):
        """The connection breaks, and the broker says the last will."""
        self._client.socket().shutdown(socket.SHUT_RDWR)
