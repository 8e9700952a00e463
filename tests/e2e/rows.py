"""Reading what sinks have written."""

import contextlib
import json
import sqlite3
from pathlib import Path


def query(database, sql, *values):
    """The rows; none while the database or the table is not there yet, or is being written."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if any(why in str(error) for why in ("no such table", "unable to open", "locked")):
            return []
        raise


def value(database, sql, *values):
    """The first column of the first row; None without one."""
    found = query(database, sql, *values)
    return found[0][0] if found else None


def json_lines(file):
    """A file sink's rows. A last line that is still being written is none yet."""
    path = Path(file)
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []
