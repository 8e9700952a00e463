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
