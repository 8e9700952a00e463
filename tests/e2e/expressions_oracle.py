"""What Python's own libraries make of what expressions are asked for, to compare with: the namespace of the golden
file's Python expressions."""

import base64
import binascii
import datetime
import decimal
import hashlib
import json
import math
import re
import textwrap
import urllib.parse
import zlib
import zoneinfo

__all__ = ["base64", "binascii", "datetime", "decimal", "hashlib", "json", "math", "re", "textwrap", "urllib", "zlib", "zoneinfo"]

EARTH = 6371008.8  # metres, IUGG's mean radius


class Refused(Exception):
    """There is no value."""


def refuse(why):
    raise Refused(why)


def attempt(of):
    try:
        return of()
    except Exception:
        return None


def haversine(latitude1, longitude1, latitude2, longitude2):
    up = math.radians(latitude2 - latitude1)
    across = math.radians(longitude2 - longitude1)
    a = (math.sin(up / 2) ** 2 +
         math.cos(math.radians(latitude1)) * math.cos(math.radians(latitude2)) * math.sin(across / 2) ** 2)
    return 2 * EARTH * math.asin(math.sqrt(min(1, a)))


def bearing(latitude1, longitude1, latitude2, longitude2):
    """By vectors: the angle between north and the second place, in the plane that the first stands on."""
    def point(latitude, longitude):
        latitude, longitude = math.radians(latitude), math.radians(longitude)
        return (math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude))

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b))

    latitude, longitude = math.radians(latitude1), math.radians(longitude1)
    north = (-math.sin(latitude) * math.cos(longitude), -math.sin(latitude) * math.sin(longitude), math.cos(latitude))
    east = (-math.sin(longitude), math.cos(longitude), 0)
    there = point(latitude2, longitude2)
    return math.degrees(math.atan2(dot(east, there), dot(north, there))) % 360


UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
MS = datetime.timedelta(milliseconds=1)


def zone(name):
    """UTC, an offset, or a zone of the database."""
    if name in ("UTC", "Z"):
        return UTC
    if name[0] in "+-":
        return datetime.datetime.strptime(name, "%z").tzinfo
    return zoneinfo.ZoneInfo(name)


def wall(ms, name="UTC"):
    return (EPOCH + ms * MS).astimezone(zone(name))


def ms(when):
    """Of a datetime with a zone. What no wall shows is what it would have shown."""
    return (when.astimezone(UTC) - EPOCH) // MS


def at(*parts, name="UTC", fold=0):
    """ms of year, month, day[, hour, minute, second, microsecond] on the wall of a zone."""
    return ms(datetime.datetime(*parts, tzinfo=zone(name), fold=fold))


def parsed(text, pattern, name="UTC"):
    when = datetime.datetime.strptime(text, pattern)
    return ms(when if when.tzinfo else when.replace(tzinfo=zone(name)))


def formatted(when, pattern, name="UTC"):
    return wall(when, name).strftime(pattern)


def iso(when, name="UTC"):
    """RFC 3339 as Tidemark writes it."""
    return wall(when, name).isoformat(timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")


def written(value):
    """A value as the golden file writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def evaluate(expression):
    return eval(expression, globals())
