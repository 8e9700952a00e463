"""Draws a case from a seed: pipelines, streams, and what befalls the machine."""

import random

import aggregates as agg
import expressions as ex
import windows
from case import Case, PipelineSpec, Record, SourceSpec

# Times lie on a grid, so that what is due lies on it or well beside it.
GRID = 50
BEGIN = 1_748_779_200_000  # 2025-06-01T12:00:00Z
SPRING = 1_743_120_000_000  # 2025-03-28: clocks are set forward in Berlin two days later
AUTUMN = 1_729_814_400_000  # 2024-10-25: and back

# Floats that come out the same in whatever order they are added, and can be compared for equality further down.
EXACT = ("sum(", "min(", "max(", "first(", "last(", "any_value(", "delta(", "increase(", "lag(", "diff(")
OPERATORS = ["time"] * 5 + ["session"] * 2 + ["running"] * 2 + ["count", "changes", "absence", "each"]
# Of the disk: the next such operation on such a file.
FAILURES = [("write", "checkpoints"), ("sync", "checkpoints"), ("rename", "checkpoints")]
FAILURES += [("write", "jsonl"), ("sync", "jsonl"), ("write", "out.db"), ("sync", "out.db")]
FAILURES += [("write", "journal"), ("sync", "journal"), ("write", "outbox"), ("sync", "outbox"), ("sync", "sinks")]
KINDS = {"v": "int", "w": "int", "x": "real", "s": "text", "b": "bool"}  # fields of a record


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed

    def chance(self, p):
        return self.random.random() < p

    def one(self, options):
        return self.random.choice(options)

    def ms(self, low, high):
        return self.random.randrange(low, high + 1, GRID)

    # ---- expressions over records and results

    def number(self, fields, depth=1):
        names = [n for n, kind in fields.items() if kind in ("int", "real")]
        if depth == 0 or self.chance(0.5):
            if not names or self.chance(0.2):
                return ex.literal(self.one([0, 1, 2, 3, 7, -2, 0.5]))
            name = self.one(names)
            return ex.field(name, fields[name])
        form = self.one(["arithmetic", "arithmetic", "case", "coalesce", "abs", "remainder"])
        a = self.number(fields, depth - 1)
        if form == "arithmetic":
            return ex.arithmetic(a, self.one("+-*"), self.number(fields, depth - 1))
        if form == "remainder" and a.kind == "int":
            return ex.arithmetic(a, "%", ex.literal(self.one([2, 3, 5])))
        if form == "case":
            one = ex.literal(1 if a.kind == "int" else 1.0)
            return ex.case(self.condition(fields, depth - 1), a, one)
        if form == "coalesce":
            return ex.coalesce(a, ex.literal(0 if a.kind == "int" else 0.0))
        return ex.absolute(a)

    def condition(self, fields, depth=1):
        texts = [n for n, kind in fields.items() if kind == "text"]
        truths = [n for n, kind in fields.items() if kind == "bool"]
        if depth > 0 and self.chance(0.4):
            form = self.one(["and", "or", "not"])
            a = self.condition(fields, depth - 1)
            if form == "not":
                return ex.negation(a)
            return (ex.conjunction if form == "and" else ex.disjunction)(a, self.condition(fields, depth - 1))
        form = self.one(["compare", "compare", "between", "null", "text", "truth"])
        if form == "text" and texts:
            values = [ex.literal(t) for t in self.random.sample(["a", "b", "c", "d"], 2)]
            return ex.one_of(ex.field(self.one(texts), "text"), values)
        if form == "truth" and truths:
            return ex.field(self.one(truths), "bool")
        if form == "null" and fields:
            name = self.one(list(fields))
            return ex.is_null(ex.field(name, fields[name]), self.chance(0.6))
        x = self.number(fields, depth)
        if form == "between":
            low = self.random.randint(-3, 6)
            return ex.between(x, ex.literal(low), ex.literal(low + self.random.randint(0, 8)))
        return ex.comparison(x, self.one(list(ex.COMPARISONS)), ex.literal(self.random.randint(-2, 10)))

    def argument(self, fields, kinds):
        names = [n for n, kind in fields.items() if kind in kinds]
        if "int" in kinds and (not names or self.chance(0.25)):
            return self.number(fields)
        if not names:
            return self.condition(fields) if "bool" in kinds else None
        name = self.one(names)
        return ex.field(name, fields[name])

    def aggregate(self, fields, courses):
        condition = self.condition(fields) if self.chance(0.25) else None
        form = self.random.random()
        if form < 0.2:
            return agg.count_all(condition)
        if form < 0.28:
            argument = self.argument(fields, ("int", "text"))
            return agg.distinct("count" if argument.kind == "text" else self.one(["count", "sum"]), argument, condition)
        if form < 0.38:
            a = self.argument(fields, ("int", "text"))
            return agg.extreme_by(self.one(["min_by", "max_by"]), a, self.number(fields, 0), condition)
        if form < 0.43:
            return agg.with_constant("histogram", self.number(fields), [0, 3, 10])
        if form < 0.46:
            integers = [n for n, kind in fields.items() if kind == "int"]
            argument = ex.field(self.one(integers), "int") if integers else self.number(fields)
            if argument.kind == "int":
                return agg.with_constant("collect", argument, self.random.randint(1, 5))
        if courses and form < 0.6:
            return agg.simple(self.one(list(agg.COURSES)), self.number(fields, 0), condition)
        name = self.one(list(agg.SIMPLE))
        return agg.simple(name, self.argument(fields, agg.SIMPLE[name][2]), condition)

    def any_field(self, fields):
        name = self.one(list(fields))
        return ex.field(name, fields[name])

    def change(self, fields, depth=1):
        numbers = {n: k for n, k in fields.items() if k in ("int", "real")}
        name = self.one(["lag", "diff", "changed", "hysteresis", "consecutive", "debounce", "ewma"])
        if name == "consecutive":
            return agg.change_of(name, self.condition(fields))
        if name == "debounce":
            argument = self.one([self.condition(fields), self.any_field(fields)])
            return agg.change_of(name, argument, self.one([2, 3, f"{self.ms(500, 5000)}ms"]))
        if name == "changed" and depth > 0 and self.chance(0.4):
            return agg.change_of(name, self.change(fields, 0))
        if name in ("changed", "lag"):
            return agg.change_of(name, self.any_field(fields), self.random.randint(1, 4))
        constant = {"diff": None, "hysteresis": (2, 5), "ewma": f"{self.ms(500, 5000)}ms"}[name]
        return agg.change_of(name, self.number(numbers, 0), constant)

    # ---- pipelines

    def window(self, spec, unit, zone):
        """Sets `window` and what it means; `unit` is what a record advances event time by, more or less."""
        if spec.operator == "session":
            spec.gap = unit * self.random.randint(1, 8)
            spec.window = f'type = "session", gap = "{spec.gap}ms"'
            if self.chance(0.5):
                spec.longest = spec.gap * self.random.randint(1, 4)
                spec.window += f', max = "{spec.longest}ms"'
        elif spec.operator == "count":
            spec.size = self.random.randint(1, 9)
            spec.slide = self.random.randint(1, spec.size)
            spec.window = f'type = "count", size = {spec.size}, slide = {spec.slide}'
        elif spec.operator == "absence":
            spec.timeout = unit * self.random.randint(1, 12)
            spec.window = f'type = "absence", timeout = "{spec.timeout}ms"'
        elif zone:
            self.days(spec)
        else:
            self.time_window(spec, unit)

    def time_window(self, spec, unit):
        form = self.one(["tumbling", "tumbling", "hopping", "cumulating"])
        step = unit * self.random.randint(1, 6)
        if form == "tumbling":
            offset = self.random.randrange(0, step, GRID) if self.chance(0.4) else 0
            spec.windows = windows.tumbling(step, offset)
            spec.window = f'type = "tumbling", size = "{step}ms"'
        elif form == "hopping":
            size = step + unit * self.random.randint(0, 12)
            offset = self.random.randrange(0, step, GRID) if self.chance(0.4) else 0
            spec.windows = windows.hopping(size, step, offset)
            spec.window = f'type = "hopping", size = "{size}ms", slide = "{step}ms"'
        else:
            size = step * self.random.randint(1, 5)
            offset = self.random.randrange(0, size, GRID) if self.chance(0.4) else 0
            spec.windows = windows.cumulating(size, step, offset)
            spec.window = f'type = "cumulating", size = "{size}ms", step = "{step}ms"'
        if offset:
            spec.window += f', offset = "{offset}ms"'
        spec.courses = form == "tumbling"
        spec.pieces = form != "tumbling"

    def days(self, spec):
        form = self.one(["tumbling", "hopping", "cumulating"])
        offset = self.one([0, 0, 6, 22]) * 3_600_000
        if form == "tumbling":
            days = self.random.randint(1, 3)
            spec.windows = windows.days_of_berlin(days, days, offset)
            spec.window = f'type = "tumbling", size = "{days}d"'
        elif form == "hopping":
            slide = self.random.randint(1, 2)
            size = slide + self.random.randint(0, 3)
            spec.windows = windows.days_of_berlin(size, slide, offset)
            spec.window = f'type = "hopping", size = "{size}d", slide = "{slide}d"'
        else:
            step = self.one([1, 2, 3, 4, 6, 8]) * 3_600_000
            spec.windows = windows.cumulating_days_of_berlin(1, step, offset)
            spec.window = f'type = "cumulating", size = "1d", step = "{step}ms"'
        spec.window += ', zone = "Europe/Berlin"'
        if offset:
            spec.window += f', offset = "{offset}ms"'
        spec.courses = form == "tumbling"
        spec.pieces = form != "tumbling"

    def pipeline(self, name, inputs, fields, event_unit, zone):
        operator = self.one(OPERATORS)
        if operator == "changes" and not set(fields) - {"m", "i", "d"}:
            operator = "running"
        spec = PipelineSpec(name, operator, inputs, [], [])
        spec.courses = operator == "running"
        if operator != "each" and (operator == "changes" or self.chance(0.85)):
            spec.key_by = self.random.sample(["k", "g"], self.one([1, 1, 1, 2]))
        spec.processing = self.chance(0.25) if operator != "absence" else self.chance(0.6)
        spec.time_key = spec.processing or operator == "absence"
        unit = 1000 if spec.processing else event_unit
        if operator not in ("running", "changes", "each"):
            self.window(spec, unit, zone and not spec.processing and self.chance(0.8))
        if self.chance(0.25):
            spec.derive.append(("d", self.number({n: k for n, k in fields.items() if n != "m"})))
            fields = {**fields, "d": spec.derive[0][1].kind}
        if self.chance(0.3) and operator != "changes":
            spec.where = self.where(spec, fields)
        if operator == "changes":
            self.changes(spec, fields)
        elif operator == "each":
            fields = {n: k for n, k in fields.items() if n != "m"}
            spec.select = [("i", ex.field("i", "int")), ("e", self.number(fields)), ("c", self.condition(fields))]
        else:
            self.aggregates(spec, fields)
        self.times(spec, unit)
        spec.by_clock = spec.processing and (operator in ("time", "session", "absence") or spec.every != 0)
        return spec

    def where(self, spec, fields):
        if "m" in fields and self.chance(0.4):  # of some records a text, which cannot be compared
            spec.dead_letters = self.chance(0.5)
            return ex.comparison(ex.field("m", "int"), ">", ex.literal(1))
        return self.condition({n: k for n, k in fields.items() if n != "m"}, 2)

    def aggregates(self, spec, fields):
        fields = {n: k for n, k in fields.items() if n not in ("m", "i")}
        made = [self.aggregate(fields, spec.courses) for _ in range(self.random.randint(1, 4))]
        spec.aggregates = made
        spec.select = [(f"a{i}", one) for i, one in enumerate(made)]
        if self.chance(0.25):
            n = agg.count_all()
            spec.aggregates = [*made, n]
            spec.select.append(("twice", ex.arithmetic(n, "*", ex.literal(2))))
        if self.chance(0.2) and spec.operator != "absence":
            n = agg.count_all()
            spec.aggregates = [*spec.aggregates, n]
            spec.having = ex.comparison(n, ">", ex.literal(1))
        elif self.chance(0.3) and spec.operator == "absence":
            spec.having = ex.field("absent", "bool")

    def changes(self, spec, fields):
        fields = {n: k for n, k in fields.items() if n not in ("m", "i", "d")}
        spec.derive = []
        spec.changes = [self.change(fields) for _ in range(self.random.randint(1, 3))]
        if self.chance(0.5):
            condition = self.one(spec.changes)
            if condition.kind == "bool":
                spec.where = condition
            elif condition.kind in ("int", "real"):
                spec.where = ex.comparison(condition, self.one([">", "<="]), ex.literal(1))
        if self.chance(0.35):
            self.aggregates(spec, fields)
            spec.having = None
        else:
            spec.select = [(f"c{i}", one) for i, one in enumerate(spec.changes)]

    def times(self, spec, unit):
        event_window = spec.operator in ("time", "session") and not spec.processing
        if event_window and self.chance(0.4):
            spec.lateness = unit * self.random.randint(1, 20)
        if event_window and self.chance(0.5):
            spec.late_to = True
        if spec.operator in ("time", "session", "running") and self.chance(0.35):
            spec.every = self.ms(500, 6000)
        if spec.operator in ("running", "changes") and self.chance(0.4):
            spec.ttl = unit * self.random.randint(2, 20)
        if spec.operator == "absence" and self.chance(0.3):
            spec.ttl = spec.timeout + unit * self.random.randint(1, 20)

    def sinks(self, spec):
        windowed = spec.operator in ("time", "session")
        corrects = windowed and (spec.lateness or spec.every)
        kinds = ["other"]
        if not corrects:
            kinds += ["file", "append"]
        if windowed or (spec.operator in ("running", "changes", "absence") and spec.key_by):
            kinds.append("upsert")
        spec.sinks = self.random.sample(kinds, self.random.randint(1, min(2, len(kinds))))

    def reader(self, name, upstream, event_unit, zone):
        """A pipeline that reads the results of others: minutes put together to hours."""
        kinds = [{n: e.kind for n, e in one.select if e.kind == "int" or str(e).startswith(EXACT)} for one in upstream]
        fields = {n: kind for n, kind in kinds[0].items() if all(other.get(n) == kind for other in kinds)}
        if not fields:
            return None
        spec = self.pipeline(name, [one.name for one in upstream], fields, event_unit * 3, zone)
        spec.key_by = [k for k in spec.key_by if all(k in one.key_by for one in upstream)]
        spec.dead_letters = False
        spec.by_clock = spec.by_clock or upstream[0].by_clock
        if spec.pieces and len(upstream) > 1:
            return None  # what comes at one moment has no order between pieces
        if spec.operator == "each" or (spec.operator == "changes" and not spec.key_by):
            return None
        return spec

    @staticmethod
    def readable(spec):
        """Its results are shown once."""
        return spec.operator not in ("time", "session") or not (spec.lateness or spec.every)

    def pipelines(self, sources, event_unit, zone):
        fields = dict(KINDS, m="int")
        out = []
        for i in range(self.random.randint(1, 3)):
            inputs = self.random.sample([s.name for s in sources], self.random.randint(1, len(sources)))
            out.append(self.pipeline(f"p{i + 1}", sorted(inputs), fields, event_unit, zone))
        for spec in out:  # it grows meanwhile
            if not self.chance(0.35) or len(out) == 6:
                continue
            upstream = [spec]
            # What moves by the clock and what moves by records only come together at moments that nobody could tell.
            others = [o for o in out if o is not spec and self.readable(o) and o.by_clock == spec.by_clock]
            if others and self.chance(0.3):
                upstream.append(self.one(others))
            read_by = self.reader(f"{spec.name}r", upstream, event_unit, zone) if self.readable(spec) else None
            if read_by is not None:
                out.append(read_by)
        for spec in out:
            self.sinks(spec)
        return out

    # ---- streams

    def record(self, time, keys):
        fields = {"k": f"k{self.random.randrange(keys)}", "g": self.random.randrange(3), "ts": time}
        if self.chance(0.05):
            del fields[self.one(["k", "g"])]
        for name, value in (
            ("v", self.random.randint(-5, 20)),
            ("w", self.random.randint(0, 4)),
            ("x", self.random.randint(-20, 40) / 4),
            ("s", self.one(["a", "b", "c", "d"])),
            ("b", self.chance(0.5)),
            ("m", self.random.randint(0, 3)),
        ):
            fate = self.random.random()
            if fate < 0.86:
                fields[name] = value
            elif fate < 0.93:
                fields[name] = None
        if self.chance(0.06):
            fields["m"] = "none"
        return Record(fields, time)

    def bad_record(self, source):
        number = self.random.randrange(1000)
        forms = ['{"v": %d, "ts"', '{"v": %d', "[%d"]
        if not source.by_arrival:
            forms += ['{"v": %d}', '{"v": %d, "ts": "noon"}', '{"v": %d, "ts": 4102444800000}']  # in 2100
        return Record(None, 0, self.one(forms) % number)

    def streams(self, sources, speed, event_begin):
        """Event time goes on `speed` times as fast as the clock."""
        steps, now = [], BEGIN
        keys = self.one([1, 3, 3, 6, 40])
        silent_until = {s.name: 0 for s in sources}
        for _ in range(self.random.randint(5, 45)):
            now += self.pause(steps)
            source = self.one(sources)
            if now < silent_until[source.name]:
                continue
            if self.chance(0.05):
                silent_until[source.name] = now + self.ms(2000, 20000)
            records = []
            for _ in range(self.one([1, 1, 2, 3, 6])):
                if self.chance(0.03):
                    records.append(self.bad_record(source))
                    continue
                behind = self.one([0, 500, 500, 3000, 3000, 15000, 60000 if self.chance(0.3) else 0])
                time = event_begin + (now - BEGIN) * speed - self.random.randint(0, behind // GRID) * GRID * speed
                records.append(self.record(time, keys))
            steps.append(["send", source.name, records])
            steps += self.fate()
        return steps

    def pause(self, steps):
        ms = self.one([0, GRID, self.ms(GRID, 1000), self.ms(GRID, 1000), self.ms(1000, 4000)])
        if self.chance(0.06):
            ms = self.ms(5000, 30000)
        if ms:
            steps.append(["pass", ms])
        return ms

    def fate(self):
        """What may befall the machine after a step."""
        loss = self.one(["all", "none", "random", "random"])
        dice = self.random.random()
        if dice < 0.04:
            return [["cut", loss, self.ms(0, 6000)]]
        if dice < 0.12:
            again = self.random.randint(1, 120) if self.chance(0.3) else 0
            return [["cut before", int(2 ** (self.random.random() * 8)), loss, self.ms(0, 4000), again]]
        if dice < 0.15:
            return [["restart", self.ms(0, 4000)]]
        if dice < 0.20:
            return [["checkpoint"]]
        if dice < 0.23:
            return [["fail", *self.one(FAILURES), 1]]
        if dice < 0.26:
            return [["break"]]
        return []


def draw(seed):
    d = Draw(seed)
    zone = d.chance(0.15)
    speed = d.one([3600, 7200]) if zone else d.one([1, 1, 1, 60])
    event_begin = d.one([SPRING, AUTUMN]) if zone else BEGIN if speed == 1 else SPRING
    lanes = "interleaved" if d.chance(0.3) else "at_once"
    names = ["a", "b", "c"][: d.one([1, 1, 2, 3])]
    sources = []
    for i, name in enumerate(names):
        idle = d.random.randint(2, 12) * 1000 if lanes == "at_once" and d.chance(0.6) else 0
        source = SourceSpec(name, 9001 + i, d.one([0, 500, 2000, 5000]) * speed, idle)
        source.by_arrival = speed == 1 and not zone and d.chance(0.15)
        sources.append(source)
    pipelines = d.pipelines(sources, 1000 * speed, zone)
    steps = d.streams(sources, speed, event_begin)
    steps.append(["end", d.one(["stop", "drain"])])
    return Case(
        seed=seed,
        begin=BEGIN,
        journal=d.chance(0.75),
        lanes=lanes,
        store=d.one(["files", "sqlite"]),
        interval=d.one([1000, 3000, 10000]),
        sync=d.one([0, 50, 200]),
        sources=sources,
        pipelines=pipelines,
        steps=steps,
    )
