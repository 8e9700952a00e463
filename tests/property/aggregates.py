"""Aggregates and change functions, computed from the list of all values, as their lines in the manual say it."""

import math

from expressions import aggregate, change


def values_of(given):
    return [values[0] for _, values in given if values[0] is not None]


def in_time(given):
    """Rows with a value, by event time; of one time, in the order of the journal."""
    return sorted(((row.time, row.number, values[0]) for row, values in given if values[0] is not None))


def end_of(given, which):
    ordered = in_time(given)
    return ordered[which][2] if ordered else None


def variance(values, less):
    if len(values) <= less:
        return None
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - less)


def root(x):
    return None if x is None else math.sqrt(x)


def total(values):
    if not values:
        return None
    return sum(values) if all(isinstance(v, int) for v in values) else math.fsum(values)


def first_extreme(given, better):
    """Of pairs (a, b): the a where b was extreme, the first of them."""
    best = None
    for _, (a, b) in given:
        if b is not None and (best is None or better(b, best[1])):
            best = (a, b)
    return None if best is None else best[0]


def course(given):
    """The samples that a course is made of: one that comes in between, out of order, is left out."""
    samples = []
    for row, (value,) in given:
        if value is None:
            continue
        if not samples or row.time >= samples[-1][0]:
            samples.append((row.time, value))
        elif row.time < samples[0][0]:
            samples.insert(0, (row.time, value))
    return samples


def climbed(samples):
    return sum(b - a if b >= a else b for (_, a), (_, b) in zip(samples, samples[1:]))


def increase(given):
    samples = course(given)
    if len(samples) == 1:
        return type(samples[0][1])(0)
    return climbed(samples) if samples else None


def seconds(samples):
    return (samples[-1][0] - samples[0][0]) / 1000 if samples else 0


def rate(given):
    samples = course(given)
    return climbed(samples) / seconds(samples) if seconds(samples) > 0 else None


def time_average(given):
    samples = course(given)
    if not samples:
        return None
    if seconds(samples) == 0:
        return float(samples[-1][1])
    return sum(a * (t2 - t1) / 1000 for (t1, a), (t2, _) in zip(samples, samples[1:])) / seconds(samples)


def delta(given):
    return end_of(given, -1) - end_of(given, 0) if in_time(given) else None


def histogram(bounds):
    def of(given):
        counts = [0] * (len(bounds) + 1)
        for v in values_of(given):
            counts[sum(v >= bound for bound in bounds)] += 1
        return "[" + ",".join(map(str, counts)) + "]" if any(counts) else None

    return of


def collected(limit):
    def of(given):
        values = values_of(given)[:limit]
        return "[" + ",".join(map(str, values)) + "]" if values else None

    return of


def some(of):
    """NULL of no values."""
    return lambda given: of(values_of(given)) if values_of(given) else None


# name: (of, the kind of result that it has for an argument of that kind, kinds of arguments that it takes)
NUMBERS = ("int", "real")
SIMPLE = {
    "count": (lambda given: len(values_of(given)), lambda _: "int", ("int", "real", "text", "bool")),
    "sum": (lambda given: total(values_of(given)), lambda kind: kind, NUMBERS),
    "avg": (some(lambda values: math.fsum(values) / len(values)), lambda _: "real", NUMBERS),
    "min": (some(min), lambda kind: kind, ("int", "real", "text")),
    "max": (some(max), lambda kind: kind, ("int", "real", "text")),
    "first": (lambda given: end_of(given, 0), lambda kind: kind, ("int", "real", "text")),
    "last": (lambda given: end_of(given, -1), lambda kind: kind, ("int", "real", "text")),
    "any_value": (some(lambda values: values[0]), lambda kind: kind, ("int", "real", "text")),
    "var_pop": (lambda given: variance(values_of(given), 0), lambda _: "real", NUMBERS),
    "var_samp": (lambda given: variance(values_of(given), 1), lambda _: "real", NUMBERS),
    "stddev_pop": (lambda given: root(variance(values_of(given), 0)), lambda _: "real", NUMBERS),
    "stddev_samp": (lambda given: root(variance(values_of(given), 1)), lambda _: "real", NUMBERS),
    "bool_and": (some(all), lambda _: "bool", ("bool",)),
    "bool_or": (some(any), lambda _: "bool", ("bool",)),
    "count_distinct": (lambda given: len(set(values_of(given))), lambda _: "int", ("int", "real", "text")),
    "delta": (delta, lambda kind: kind, NUMBERS),
}
# Over windows that are put together of pieces they may leave out other samples: the manual says so.
COURSES = {
    "increase": (increase, lambda kind: kind, NUMBERS),
    "rate": (rate, lambda _: "real", NUMBERS),
    "time_avg": (time_average, lambda _: "real", NUMBERS),
}


def count_all(condition=None):
    return aggregate("count", [], len, "int", condition)


def simple(name, argument, condition=None):
    of, kind, _ = {**SIMPLE, **COURSES}[name]
    return aggregate(name, [argument], of, kind(argument.kind), condition)


def distinct(name, argument, condition=None):
    of = {"count": len, "sum": lambda values: total(values) if values else None}[name]
    kind = "int" if name == "count" else argument.kind
    return aggregate(name, [argument], lambda given: of(sorted(set(values_of(given)))), kind, condition, distinct=True)


def extreme_by(name, a, b, condition=None):
    better = {"min_by": lambda x, y: x < y, "max_by": lambda x, y: x > y}[name]
    return aggregate(name, [a, b], lambda given: first_extreme(given, better), a.kind, condition)


def with_constant(name, argument, constant):
    """histogram(x, [1, 2]), collect(x, 3)."""
    of = histogram(constant) if name == "histogram" else collected(constant)
    return aggregate(name, [argument], of, "text", constant=constant)


# ---- change functions

def known(series):
    return [value for _, value in series if value is not None]


def lag(n):
    def of(series):
        before = known(series[:-1])
        return before[-n] if len(before) >= n else None

    return of


def difference(series):
    now, before = series[-1][1], known(series[:-1])
    return None if now is None or not before else now - before[-1]


def changed(series):
    now, before = series[-1][1], known(series[:-1])
    return now is not None and (not before or now != before[-1])


def hysteresis(low, high):
    def of(series):
        on = False
        for value in known(series):
            if value > high:
                on = True
            elif value < low:
                on = False
        return on

    return of


def consecutive(series):
    row = 0
    for value in known(series):
        row = row + 1 if value else 0
    return row


def debounce_records(n):
    def of(series):
        settled, run = None, []
        for value in known(series):
            run = run + [value] if run and run[-1] == value else [value]
            if len(run) >= n:
                settled = value
        return settled

    return of


def debounce_time(ms):
    def of(series):
        settled, run = None, []
        for time, value in series:
            if value is None:
                continue
            run = run + [(time, value)] if run and run[-1][1] == value else [(time, value)]
            if len(run) > 1 and time - run[0][0] >= ms:
                settled = value
        return settled

    return of


def ewma(half_life_ms):
    def of(series):
        mean, at = None, None
        for time, value in series:
            if value is None:
                continue
            if mean is None:
                mean, at = float(value), time
            elif time > at:
                mean = value + (mean - value) * 2 ** (-(time - at) / half_life_ms)
                at = time
        return mean

    return of


def change_of(name, argument, constant=None):
    if name == "lag":
        return change("lag", argument, [str(constant)], lag(constant), argument.kind)
    if name == "diff":
        return change("diff", argument, [], difference, argument.kind)
    if name == "changed":
        return change("changed", argument, [], changed, "bool")
    if name == "hysteresis":
        return change("hysteresis", argument, [str(c) for c in constant], hysteresis(*constant), "bool")
    if name == "consecutive":
        return change("consecutive", argument, [], consecutive, "int")
    if name == "debounce" and isinstance(constant, str):
        return change("debounce", argument, [f"'{constant}'"], debounce_time(int(constant[:-2])), argument.kind)
    if name == "debounce":
        return change("debounce", argument, [str(constant)], debounce_records(constant), argument.kind)
    return change("ewma", argument, [f"'{constant}'"], ewma(int(constant[:-2])), "real")
