"""What the pipelines of a case must give, computed the slow and obvious way.

Every record is kept in a list, and each result is made from all records that belong to it. Nothing here knows
panes, entries, journals or checkpoints, and nothing is shared with src/. Time goes from moment to moment: the
timers that are due come before the record that arrives then. Results of one moment that have no order among
them are one group; groups are in order. Times are milliseconds.
"""

from dataclasses import dataclass, field as member

from expressions import RecordError, Scope

LONG_AGO = -(10**18)
RANKS = {type(None): 0, bool: 1, int: 2, float: 3, str: 4}


def key_order(key):
    """Results of one moment come in the order of their keys: NULL, truths, integers, floats, texts."""
    return [(RANKS[type(value)], 0 if value is None else value) for value in key]


@dataclass
class Row:
    """A record on its way, or a result on the way to a pipeline that reads it."""

    fields: dict
    time: int
    received: int
    source: str
    number: int = 0  # in the order in which rows came
    scope: Scope = None  # with what is derived
    at: int = 0  # by what windows are cut
    key: tuple = ()


@dataclass
class Result:
    values: dict
    group: int
    key: tuple  # by what an upsert sink replaces it


class Operator:
    """What is the same in all pipelines: what comes before the window, and what after it."""

    def __init__(self, spec, world):
        self.spec = spec
        self.world = world
        self.processing = spec.processing
        self.watermark = LONG_AGO
        self.results, self.late, self.dead = [], [], []
        self.number = 0

    # ---- records

    def take(self, row):
        self.number += 1
        row.number = self.number
        row.scope = Scope({**row.fields, "_time": row.time, "_received": row.received, "_source": row.source})
        row.at = row.received if self.processing else row.time
        try:
            self.judge(row)
        except RecordError:
            self.dead.append(row.fields)

    def judge(self, row):
        self.derive(row)
        if self.spec.where is not None and self.spec.where.value(row.scope) is not True:
            return
        row.key = self.key_of(row)
        if self.is_late(row):
            self.late.append({"event_time": row.time, **row.fields})
            return
        self.evaluate_arguments(row)
        self.process(row)

    def derive(self, row):
        for name, expression in self.spec.derive:
            row.scope.fields[name] = expression.value(row.scope)

    def key_of(self, row):
        return tuple(row.scope.fields.get(name) for name in self.spec.key_by)

    def evaluate_arguments(self, row):
        """A record that one aggregate cannot take is in none."""
        for aggregate in self.spec.aggregates:
            if aggregate.condition is None or aggregate.condition.value(row.scope) is True:
                for argument in aggregate.arguments:
                    argument.value(row.scope)

    def is_late(self, row):
        return False

    # ---- results

    def emit(self, key, rows, time, now, group, window=None, identity=None, whatever_having=False):
        names = dict(zip(self.spec.key_by, key))
        if window is not None:
            names.update(window_start=window[0], window_end=window[1])
        scope = Scope(dict(names), rows)
        try:
            selected = {name: expression.value(scope) for name, expression in self.spec.select}
            if self.spec.having is not None and not whatever_having:
                scope.fields.update(selected)
                if self.spec.having.value(scope) is not True:
                    return
        except RecordError:
            return
        self.give({**names, **selected}, time, now, group, identity or key + (window or ()))

    def give(self, values, time, now, group, identity):
        self.results.append(Result(values, group, identity))
        self.world.hand_down(self.spec.name, values, time, now)

    def new_group(self):
        self.world.groups += 1
        return self.world.groups

    # ---- time

    def advance(self, watermark, now):
        self.watermark = max(self.watermark, now if self.processing else watermark)

    def results_at_clock(self):
        """Whether a result stands at a time of the clock, for a pipeline that reads it; else at that of a record."""
        return self.processing and (self.spec.operator in ("time", "session", "absence") or self.spec.every != 0)

    def dues(self, time_driven):
        return []

    def close_all(self, now):
        pass


class Each(Operator):
    """Without key and aggregates: every record is a result."""

    def process(self, row):
        selected = {name: expression.value(row.scope) for name, expression in self.spec.select}
        if self.spec.having is not None:
            row.scope.fields.update(selected)
            if self.spec.having.value(row.scope) is not True:
                return
        self.give(selected, row.time, row.received, self.new_group(), ())


class Beats:
    """emit = "every …": when what has changed is shown next. Beats lie at multiples of their distance since 1970."""

    def __init__(self, every):
        self.every = every
        self.changed = []
        self.due = None

    def mark(self, what, now):
        if not self.every:
            return
        if not self.changed:
            self.due = (now // self.every + 1) * self.every
        if what not in self.changed:
            self.changed.append(what)

    def forget(self, which):
        self.changed = [what for what in self.changed if not which(what)]
        if not self.changed:
            self.due = None

    def take(self, now):
        if self.due is None or self.due > now:
            return []
        taken, self.changed, self.due = self.changed, [], None
        return taken

    def dues(self):
        return [] if self.due is None else [self.due]


class Running(Operator):
    """Without a window: all records of the key, from its first one or the first after its ttl on."""

    def __init__(self, spec, world):
        super().__init__(spec, world)
        self.rows = {}
        self.used = {}
        self.beats = Beats(spec.every)

    def process(self, row):
        if self.spec.ttl and row.key in self.rows and self.used[row.key] + self.spec.ttl <= max(self.watermark, row.at):
            del self.rows[row.key]
        known = row.key in self.rows
        self.rows.setdefault(row.key, []).append(row)
        self.used[row.key] = row.at if self.processing or not known else max(self.used[row.key], row.at)
        if self.spec.every:
            self.beats.mark(row.key, row.received)
        else:
            self.emit(row.key, self.rows[row.key], row.time, row.received, self.new_group())

    def advance(self, watermark, now):
        self.beat(now, self.beats.take(now))
        super().advance(watermark, now)

    def beat(self, now, keys):
        group = self.new_group()
        for key in sorted(keys, key=key_order):
            self.emit(key, self.rows[key], now, now, group)

    def dues(self, time_driven):
        return self.beats.dues()

    def close_all(self, now):
        if self.beats.changed:
            self.beats.due = now
            self.beat(now, self.beats.take(now))


class TimeWindows(Operator):
    """tumbling, hopping and cumulating: the records of each window."""

    def __init__(self, spec, world):
        super().__init__(spec, world)
        self.windows = spec.windows
        self.rows = []
        self.to_correct = []
        self.beats = Beats(spec.every)

    def is_late(self, row):
        return not self.processing and all(
            end + self.spec.lateness <= self.watermark for _, end in self.windows(row.at)
        )

    def process(self, row):
        self.rows.append(row)
        if self.windows(row.at)[0][1] <= self.watermark:
            self.to_correct.append(row)
        if not self.spec.pieces:
            self.correct()
        if self.windows(row.at)[-1][1] > self.watermark:
            self.beats.mark((row.at, row.key), row.received)

    def correct(self):
        """Windows that have ended are shown again; where a record is in several, at the end of the moment."""
        rows, self.to_correct = self.to_correct, []
        for row in rows:
            for window in self.windows(row.at):
                if window[1] <= self.watermark < window[1] + self.spec.lateness:
                    self.show(window, row.key, row.received, self.new_group())

    def advance(self, watermark, now):
        self.correct()
        self.close_until(now if self.processing else watermark, now)
        shown = set()
        for at, key in self.beats.take(now):
            shown.add((next(w for w in self.windows(at) if w[1] > self.watermark), key))
        group = self.new_group()
        for window, key in shown:
            self.show(window, key, now, group)

    def close_until(self, until, now):
        for window in sorted(self.open_windows(), key=lambda w: w[1]):
            if window[1] > until:
                break
            group = self.new_group()
            for key in sorted({row.key for row in self.rows if window in self.windows(row.at)}, key=key_order):
                self.show(window, key, now, group)
        self.watermark = max(self.watermark, until)
        self.beats.forget(lambda change: self.windows(change[0])[-1][1] <= self.watermark)

    def open_windows(self):
        return {w for row in self.rows for w in self.windows(row.at) if w[1] > self.watermark}

    def show(self, window, key, now, group):
        rows = [row for row in self.rows if row.key == key and window[0] <= row.at < window[1]]
        self.emit(key, rows, window[1] - 1, now, group, window)

    def dues(self, time_driven):
        ends = [end for _, end in self.open_windows()] if self.processing or time_driven else []
        return self.beats.dues() + ends

    def close_all(self, now):
        ends = [end for _, end in self.open_windows()]
        if not ends:
            return
        self.close_until(max(ends), now)
        if self.processing:  # the clock has not come there: windows may open again
            self.rows = []
            self.watermark = LONG_AGO


@dataclass
class OneSession:
    key: tuple
    start: int
    last: int
    rows: list = member(default_factory=list)


class Sessions(Operator):
    def __init__(self, spec, world):
        super().__init__(spec, world)
        self.sessions = []
        self.beats = Beats(spec.every)

    def end_of(self, session):
        end = session.last + self.spec.gap
        return min(end, session.start + self.spec.longest) if self.spec.longest else end

    def joined(self, row):
        """The session that the record would be in, and the ones before and after it that would be parts of it."""
        before = after = None
        for session in self.sessions:
            if session.key != row.key:
                continue
            if session.start <= row.at and (before is None or session.start > before.start):
                before = session
            if session.start > row.at and (after is None or session.start < after.start):
                after = session
        if before is not None and row.at >= self.end_of(before):
            before = None
        session = OneSession(row.key, row.at, row.at)
        if before is not None:
            session = OneSession(row.key, before.start, max(before.last, row.at))
        if after is not None:
            last = max(session.last, after.last)
            near = after.start < session.last + self.spec.gap
            if near and (not self.spec.longest or last < session.start + self.spec.longest):
                session.last = last
            else:
                after = None
        return session, before, after

    def is_late(self, row):
        if self.processing:
            return False
        return self.end_of(self.joined(row)[0]) + self.spec.lateness <= self.watermark

    def process(self, row):
        session, before, after = self.joined(row)
        withdrawn = after is not None and self.end_of(after) <= self.watermark
        parts = [part for part in (before, after) if part is not None]
        session.rows = sorted([row] + [r for part in parts for r in part.rows], key=lambda r: r.number)
        self.sessions = [s for s in self.sessions if s not in parts] + [session]
        waited = before is not None and (before.key, before.start) in self.beats.changed
        if after is not None:
            self.beats.forget(lambda change: change == (after.key, after.start))
        if withdrawn:
            # What it was shown under is no more.
            start = after.start
            self.emit(row.key, [], start - 1, row.received, self.new_group(), (start, start), row.key + (start,), True)
        if self.end_of(session) <= self.watermark:
            self.show(session, row.received, self.new_group())
        elif not waited:
            self.beats.mark((session.key, session.start), row.received)

    def show(self, session, now, group):
        end = self.end_of(session)
        identity = session.key + (session.start,)
        self.emit(session.key, session.rows, end - 1, now, group, (session.start, end), identity)

    def advance(self, watermark, now):
        self.close_until(now if self.processing else watermark, now)
        changed = self.beats.take(now)
        group = self.new_group()
        for session in self.sessions:
            if (session.key, session.start) in changed:
                self.show(session, now, group)

    def close_until(self, until, now):
        for end in sorted({self.end_of(s) for s in self.sessions if self.watermark < self.end_of(s) <= until}):
            group = self.new_group()
            ending = [session for session in self.sessions if self.end_of(session) == end]
            for session in sorted(ending, key=lambda s: (key_order(s.key), s.start)):
                self.show(session, now, group)
                self.beats.forget(lambda change: change == (session.key, session.start))
        self.watermark = max(self.watermark, until)
        self.sessions = [s for s in self.sessions if self.end_of(s) + self.spec.lateness > self.watermark]

    def dues(self, time_driven):
        ends = [self.end_of(s) for s in self.sessions] if self.processing or time_driven else []
        return self.beats.dues() + ends

    def close_all(self, now):
        if self.sessions:
            self.close_until(max(self.end_of(s) for s in self.sessions), now)
        if self.processing:
            self.sessions = []
            self.watermark = LONG_AGO


class Counts(Operator):
    """So many records of a key, with every slide of them."""

    def __init__(self, spec, world):
        super().__init__(spec, world)
        self.rows = {}

    def process(self, row):
        rows = self.rows.setdefault(row.key, [])
        rows.append(row)
        if len(rows) < self.spec.size or (len(rows) - self.spec.size) % self.spec.slide:
            return
        window = rows[-self.spec.size :]
        times = [r.at for r in window]
        self.emit(row.key, window, row.time, row.received, self.new_group(), (min(times), max(times)))


class Changes(Operator):
    """With change functions: what a record says against those of its key before it."""

    def __init__(self, spec, world):
        super().__init__(spec, world)
        self.seen = {}  # scopes of all records, by key
        self.passed = {}  # rows of those that `where` let through
        self.used = {}

    def judge(self, row):
        row.key = self.key_of(row)
        earlier = self.seen.get(row.key, [])
        passed = self.passed.get(row.key, [])
        if self.spec.ttl and earlier and self.used[row.key] + self.spec.ttl <= max(self.watermark, row.at):
            earlier, passed = [], []
        row.scope.earlier, row.scope.time = earlier, row.at
        for expression in self.spec.changes:
            expression.value(row.scope)
        self.derive(row)
        passes = self.spec.where is None or self.spec.where.value(row.scope) is True
        if passes:
            self.evaluate_arguments(row)
            if not self.spec.aggregates:
                selected = {name: expression.value(row.scope) for name, expression in self.spec.select}
        known = bool(earlier)
        self.used[row.key] = row.at if self.processing or not known else max(self.used[row.key], row.at)
        self.seen[row.key] = [*earlier, row.scope]
        self.passed[row.key] = [*passed, row] if passes else passed
        if not passes:
            return
        if self.spec.aggregates:
            self.emit(row.key, self.passed[row.key], row.time, row.received, self.new_group())
        else:
            values = {**dict(zip(self.spec.key_by, row.key)), **selected}
            self.give(values, row.time, row.received, self.new_group(), row.key)


@dataclass
class Heard:
    last: int
    rows: list
    silent: bool = False


class Absence(Operator):
    """One result when a key falls silent, one when it returns."""

    def __init__(self, spec, world):
        super().__init__(spec, world)
        self.keys = {}

    def is_late(self, row):
        return not self.processing and row.at + self.spec.timeout <= self.watermark

    def process(self, row):
        known = self.keys.get(row.key)
        clock = max(self.watermark, row.at) if self.processing else self.watermark
        if known is not None and known.silent and self.spec.ttl and known.last + self.spec.ttl <= clock:
            del self.keys[row.key]
            known = None
        if known is None:
            self.keys[row.key] = Heard(row.at, [row])
            return
        if known.silent or row.at >= known.last + self.spec.timeout:
            if not known.silent:
                self.fall_silent(row.key, known, row.received, self.new_group())
            self.keys[row.key] = Heard(max(row.at, known.last), [row])
            self.say(row.key, [row], False, known.last, row.at, row.received, self.new_group())
            return
        known.rows.append(row)
        known.last = max(known.last, row.at)

    def fall_silent(self, key, known, now, group):
        known.silent = True
        self.say(key, known.rows, True, known.last, known.last + self.spec.timeout, now, group)

    def say(self, key, rows, absent, last_seen, since, now, group):
        names = {**dict(zip(self.spec.key_by, key)), "absent": absent, "last_seen": last_seen, "since": since}
        scope = Scope(dict(names), rows)
        selected = {name: expression.value(scope) for name, expression in self.spec.select}
        scope.fields.update(selected)
        if self.spec.having is None or self.spec.having.value(scope) is True:
            self.give({**names, **selected}, since, now, group, key)

    def advance(self, watermark, now):
        until = now if self.processing else watermark
        while True:
            present = [(h.last + self.spec.timeout, key) for key, h in self.keys.items() if not h.silent]
            due = min((time for time, _ in present), default=until + 1)
            if due > until:
                break
            group = self.new_group()
            for time, key in present:  # of one moment in the order in which they were first heard of
                if time == due:
                    self.fall_silent(key, self.keys[key], now, group)
        self.watermark = max(self.watermark, until)

    def dues(self, time_driven):
        if not self.processing and not time_driven:
            return []
        return [h.last + self.spec.timeout for h in self.keys.values() if not h.silent]


OPERATORS = {
    "each": Each,
    "running": Running,
    "time": TimeWindows,
    "session": Sessions,
    "count": Counts,
    "changes": Changes,
    "absence": Absence,
}


@dataclass
class Source:
    name: str
    out_of_orderness: int
    idle_after: int  # 0: never idle
    watermark: int = LONG_AGO
    last_arrival: int = 0

    def idle(self, now):
        return self.idle_after != 0 and now >= self.last_arrival + self.idle_after


def in_order(specs):
    """What is read before what reads it; among those that could come next, by name."""
    ordered = []
    while len(ordered) < len(specs):
        names = {spec.name for spec in specs}
        placed = {spec.name for spec in ordered}
        ready = [s for s in specs if s.name not in placed and not (set(s.inputs) & names) - placed]
        ordered.append(min(ready, key=lambda spec: spec.name))
    return ordered


class World:
    """All pipelines of a case, and what time it is."""

    def __init__(self, sources, specs, begin):
        specs = in_order(specs)
        self.sources = {s.name: Source(s.name, s.out_of_orderness, s.idle_after, last_arrival=begin) for s in sources}
        self.specs = specs
        self.groups = 0
        self.now = begin
        self.operators = {spec.name: OPERATORS[spec.operator](spec, self) for spec in specs}
        self.waiting = {spec.name: [] for spec in specs}
        self.watermarks = {spec.name: LONG_AGO for spec in specs}
        self.given = {spec.name: LONG_AGO for spec in specs}  # watermarks of what they emit
        self.idle = {spec.name: False for spec in specs}
        self.time_driven = {}
        for spec in specs:
            upstream = [s for s in specs if s.name in spec.inputs]
            self.time_driven[spec.name] = any(
                self.operators[s.name].results_at_clock() or self.time_driven[s.name] for s in upstream
            )

    def record(self, row):
        self.pass_time(row.received)
        self.now = row.received
        source = self.sources[row.source]
        source.last_arrival = row.received
        source.watermark = max(source.watermark, row.time - source.out_of_orderness)
        self.step(row)

    def pass_time(self, until):
        """What time alone makes happen, at the moment at which it is due."""
        while True:
            dues = [due for spec in self.specs for due in self.operators[spec.name].dues(self.time_driven[spec.name])]
            dues += [s.last_arrival + s.idle_after for s in self.sources.values() if s.idle_after]
            due = min((due for due in dues if self.now < due <= until), default=None)
            if due is None:
                self.now = max(self.now, until)
                return
            self.now = due
            self.step()

    def drain(self, now):
        self.pass_time(now)
        self.step(draining=True)

    def step(self, row=None, draining=False):
        for spec in self.specs:
            operator = self.operators[spec.name]
            if row is not None and row.source in spec.inputs:
                operator.take(Row(dict(row.fields), row.time, row.received, row.source))
            waiting, self.waiting[spec.name] = self.waiting[spec.name], []
            for result in waiting:
                operator.take(result)
            if draining:
                operator.close_all(self.now)
            self.advance(spec, operator)

    def advance(self, spec, operator):
        inputs = []
        for name in spec.inputs:
            if name in self.sources and not self.sources[name].idle(self.now):
                inputs.append(self.sources[name].watermark)
            elif name not in self.sources and not self.idle[name]:
                inputs.append(self.given[name])
        self.idle[spec.name] = not inputs and not operator.results_at_clock()
        if inputs:
            self.watermarks[spec.name] = max(self.watermarks[spec.name], min(inputs))
        operator.advance(self.watermarks[spec.name], self.now)
        self.given[spec.name] = self.now if operator.results_at_clock() else self.watermarks[spec.name]

    def hand_down(self, name, values, time, now):
        for spec in self.specs:
            if name in spec.inputs:
                self.waiting[spec.name].append(Row(dict(values), time, now, name))
