"""A case: a configuration, what is sent and when, and what befalls the machine meanwhile."""

import json
from dataclasses import dataclass, field as member

WITNESS = "witness"  # a pipeline that tells which records came when, and in which order


def file_sink(name):
    return [f"[sinks.{name}]", 'type = "file"', f'path = "{name}.jsonl"', 'timestamps = "ms"', 'flush = "100ms"']


@dataclass
class SourceSpec:
    name: str
    port: int
    out_of_orderness: int
    idle_after: int  # milliseconds; 0: never idle
    by_arrival: bool = False  # the time of a record is that of its arrival

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def toml(self):
        lines = [
            f"[sources.{self.name}]",
            'type = "tcp"',
            f'listen = "{self.address}"',
            "ack = true",
            'format = "json"',
            f'max_out_of_orderness = "{self.out_of_orderness}ms"',
            f'dead_letter_to = "dead_{self.name}"',
        ]
        if not self.by_arrival:
            lines.append('timestamp = { field = "ts", format = "ms" }')
        if self.idle_after:
            lines.append(f'idle_after = "{self.idle_after}ms"')
        return "\n".join(lines + file_sink(f"dead_{self.name}"))


@dataclass
class PipelineSpec:
    name: str
    operator: str  # see oracle.OPERATORS
    inputs: list
    key_by: list
    select: list  # of (name, Expression)
    where: object = None
    derive: list = member(default_factory=list)
    having: object = None
    aggregates: list = member(default_factory=list)  # those in select and having
    changes: list = member(default_factory=list)  # change functions, wherever they stand
    processing: bool = False
    window: str = ""  # of the configuration
    windows: object = None  # of a time: those that it is in
    pieces: bool = False  # a record may be in several
    gap: int = 0
    longest: int = 0
    size: int = 0
    slide: int = 0
    timeout: int = 0
    ttl: int = 0
    lateness: int = 0
    every: int = 0
    late_to: bool = False
    by_clock: bool = False  # time alone may make it say something
    dead_letters: bool = False  # for records that cannot be evaluated
    courses: bool = False  # increase, rate and time_avg are over whole windows
    time_key: bool = False  # `time` stands in the configuration
    sinks: list = member(default_factory=list)  # of "file", "append", "upsert", "other"

    def columns(self):
        columns = list(self.key_by) if self.operator != "each" else []
        if self.operator in ("time", "session", "count"):
            columns += ["window_start", "window_end"]
        if self.operator == "absence":
            columns += ["absent", "last_seen", "since"]
        return columns + [name for name, _ in self.select]

    def toml(self):
        out = [f"[pipelines.{self.name}]", f"from = {json.dumps(self.inputs)}"]
        if self.where is not None:
            out.append(f"where = {json.dumps(str(self.where))}")
        if self.derive:
            out.append(f"derive = {json.dumps([f'{e} AS {name}' for name, e in self.derive])}")
        if self.key_by:
            out.append(f"key_by = {json.dumps(self.key_by)}")
        if self.window:
            out.append(f"window = {{ {self.window} }}")
        if self.select:
            out.append(f"select = {json.dumps([f'{e} AS {name}' for name, e in self.select])}")
        if self.having is not None:
            out.append(f"having = {json.dumps(str(self.having))}")
        if self.time_key:
            out.append(f'time = "{"processing" if self.processing else "event"}"')
        if self.ttl:
            out.append(f'ttl = "{self.ttl}ms"')
        if self.lateness:
            out.append(f'allowed_lateness = "{self.lateness}ms"')
        if self.every:
            out.append(f'emit = "every {self.every}ms"')
        if self.late_to:
            out.append(f'late_to = "{self.name}_late"')
        if self.dead_letters:
            out += ['on_error = "dead-letter"', f'dead_letter_to = "{self.name}_dead"']
        if self.sinks:
            out.append(f"to = {json.dumps([self.sink(kind) for kind in self.sinks])}")
        for kind in self.sinks:
            out += self.sink_toml(kind)
        if self.late_to:
            out += file_sink(f"{self.name}_late")
        if self.dead_letters:
            out += file_sink(f"{self.name}_dead")
        return "\n".join(out)

    def sink(self, kind):
        return "other" if kind == "other" else f"{self.name}_{kind}"

    def sink_toml(self, kind):
        if kind == "other":
            return []
        name = self.sink(kind)
        if kind == "file":
            return file_sink(name)
        return [
            f"[sinks.{name}]",
            'type = "sqlite"',
            'path = "out.db"',
            f'table = "{name}"',
            f'mode = "{kind}"',
            'timestamps = "ms"',
            'flush = "200ms"',
        ]


@dataclass
class Record:
    """What a device measured, or something that is no good record: then `fields` is None."""

    fields: dict
    time: int
    line: str = ""


@dataclass
class Case:
    seed: int
    begin: int  # milliseconds since 1970, of the machine's clock
    journal: bool
    lanes: str
    store: str
    interval: int
    sync: int
    sources: list
    pipelines: list
    steps: list  # of ("send", source, records) and what else machine.cc can do

    def records(self):
        """By source, in the order in which they are sent. `i` is the number of the line."""
        found = {source.name: [] for source in self.sources}
        for step in self.steps:
            if step[0] != "send":
                continue
            mine = found[step[1]]
            for record in step[2]:
                if record.fields is None:
                    mine.append(record)
                    continue
                fields = {"i": len(mine), **record.fields}
                mine.append(Record(fields, record.time, json.dumps(fields)))
        return found

    def config(self):
        parts = [
            '[node]\nname = "sim"\ndata_dir = "/data"',
            f'[checkpoint]\nstore = "{self.store}"\ninterval = "{self.interval}ms"\nmin_pause = "10ms"\nretain = 2',
            f'[journal]\nenabled = {"true" if self.journal else "false"}\nsync = "{self.sync}ms"',
        ]
        parts += [source.toml() for source in self.sources]
        parts.append(
            f"[pipelines.{WITNESS}]\nfrom = {json.dumps([s.name for s in self.sources])}\n"
            f'select = ["i", "_source AS source", "_received AS received"]\nto = ["{WITNESS}"]\n'
            f'[sinks.{WITNESS}]\ntype = "file"\npath = "{WITNESS}.jsonl"'
        )
        parts += [pipeline.toml() for pipeline in self.pipelines]
        if any("other" in p.sinks for p in self.pipelines):
            parts.append(
                '[sinks.other]\ntype = "tcp"\nconnect = "other:9000"\nack = true\nids = true\ntimestamps = "ms"'
            )
        return "\n\n".join(parts) + "\n"

    def order(self, log=False):
        """What the machine is told."""
        files = [f"{WITNESS}.jsonl"] + [f"dead_{s.name}.jsonl" for s in self.sources]
        tables = []
        for pipeline in self.pipelines:
            if "file" in pipeline.sinks:
                files.append(pipeline.sink("file") + ".jsonl")
            if pipeline.late_to:
                files.append(f"{pipeline.name}_late.jsonl")
            if pipeline.dead_letters:
                files.append(f"{pipeline.name}_dead.jsonl")
            for kind in ("append", "upsert"):
                if kind in pipeline.sinks:
                    columns = ", ".join(f'"{column}"' for column in pipeline.columns())
                    name = pipeline.sink(kind)
                    tables.append({"name": name, "sql": f'SELECT json_array({columns}) FROM "{name}" ORDER BY rowid'})
        records = self.records()
        return json.dumps(
            {
                "config": self.config(),
                "seed": self.seed,
                "journal": self.journal,
                "lanes": self.lanes,
                "begin_ms": self.begin,
                "peers": [
                    {"name": s.name, "address": s.address, "lines": [r.line for r in records[s.name]]}
                    for s in self.sources
                ],
                "steps": [[*step[:2], len(step[2])] if step[0] == "send" else step for step in self.steps],
                "files": files,
                "tables": tables,
                "log": log,
            }
        )
