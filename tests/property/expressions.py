"""Expressions, as a configuration writes them and as SQL means them: NULL is None, and logic has three values.

An Expression is its text and what it is worth in a Scope: a record with its fields, or the records of a result.
"""

import math


class RecordError(Exception):
    """What a record is left out for: an expression that cannot be evaluated on it."""


class Scope:
    """Names and their values; of a result also the rows that it is made of, in the order of the journal."""

    def __init__(self, fields, rows=(), time=None, earlier=()):
        self.fields = fields
        self.rows = rows
        self.time = time  # of a record of a pipeline with change functions
        self.earlier = earlier  # likewise: the Scopes of the records of its key before it
        self.seen = {}  # likewise: what change functions said of it, by their text


class Expression:
    def __init__(self, text, value, kind, arguments=(), condition=None):
        self.text = text
        self.value = value  # of a Scope
        self.kind = kind  # "int", "real", "text", "bool"
        self.arguments = arguments  # of an aggregate
        self.condition = condition  # of its FILTER

    def __str__(self):
        return self.text


def field(name, kind):
    return Expression(name, lambda scope: scope.fields.get(name), kind)


def literal(value):
    if isinstance(value, bool):
        return Expression("TRUE" if value else "FALSE", lambda _: value, "bool")
    if isinstance(value, str):
        return Expression("'" + value + "'", lambda _: value, "text")
    text = repr(value) if value >= 0 else f"({value!r})"
    return Expression(text, lambda _: value, "int" if isinstance(value, int) else "real")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def both(a, b, of, kind, text):
    """Of two operands, neither of which may be NULL if the result is not to be."""

    def value(scope):
        left, right = a.value(scope), b.value(scope)
        return None if left is None or right is None else of(left, right)

    return Expression(text, value, kind)


def arithmetic(a, operator, b):
    def of(left, right):
        if not is_number(left) or not is_number(right):
            raise RecordError(f"{left!r} {operator} {right!r}")
        if operator == "+":
            return left + right
        if operator == "-":
            return left - right
        if operator == "*":
            return left * right
        return int(math.fmod(left, right))  # of integers, with the sign of the left one

    kind = "real" if "real" in (a.kind, b.kind) else "int"
    return both(a, b, of, kind, f"({a} {operator} {b})")


COMPARISONS = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def comparison(a, operator, b):
    def of(left, right):
        if is_number(left) != is_number(right):
            raise RecordError(f"{left!r} {operator} {right!r}")
        return COMPARISONS[operator](left, right)

    return both(a, b, of, "bool", f"({a} {operator} {b})")


def between(x, low, high):
    inner = conjunction(comparison(x, ">=", low), comparison(x, "<=", high))
    return Expression(f"({x} BETWEEN {low} AND {high})", inner.value, "bool")


def one_of(x, values):
    def value(scope):
        found = x.value(scope)
        return None if found is None else found in [v.value(scope) for v in values]

    return Expression(f"({x} IN ({', '.join(map(str, values))}))", value, "bool")


def is_null(x, negated=False):
    return Expression(
        f"({x} IS {'NOT ' if negated else ''}NULL)", lambda scope: (x.value(scope) is None) != negated, "bool"
    )


def conjunction(a, b):
    def value(scope):
        left = a.value(scope)
        if left is False:
            return False
        right = b.value(scope)
        if right is False:
            return False
        return None if left is None or right is None else True

    return Expression(f"({a} AND {b})", value, "bool")


def disjunction(a, b):
    def value(scope):
        left = a.value(scope)
        if left is True:
            return True
        right = b.value(scope)
        if right is True:
            return True
        return None if left is None or right is None else False

    return Expression(f"({a} OR {b})", value, "bool")


def negation(a):
    def value(scope):
        found = a.value(scope)
        return None if found is None else not found

    return Expression(f"(NOT {a})", value, "bool")


def case(condition, then, otherwise):
    def value(scope):
        return (then if condition.value(scope) is True else otherwise).value(scope)

    return Expression(f"CASE WHEN {condition} THEN {then} ELSE {otherwise} END", value, then.kind)


def coalesce(a, b):
    def value(scope):
        found = a.value(scope)
        return b.value(scope) if found is None else found

    return Expression(f"COALESCE({a}, {b})", value, a.kind)


def absolute(a):
    def value(scope):
        found = a.value(scope)
        return None if found is None else abs(found)

    return Expression(f"abs({a})", value, a.kind)


def joined(a, b):
    return both(a, b, lambda left, right: left + right, "text", f"({a} || {b})")


# ---- aggregates: over the rows of a result

def aggregate(name, arguments, of, kind, condition=None, distinct=False, constant=None):
    """`of` takes what the arguments are worth, a list of (row, values), in the order of the journal."""
    inside = [str(a) for a in arguments] or ["*"]
    if constant is not None:
        inside.append(str(constant))
    text = f"{name}({'DISTINCT ' if distinct else ''}{', '.join(inside)})"
    if condition is not None:
        text += f" FILTER (WHERE {condition})"

    def value(scope):
        return of(
            [
                (row, [a.value(row.scope) for a in arguments])
                for row in scope.rows
                if condition is None or condition.value(row.scope) is True
            ]
        )

    return Expression(text, value, kind, arguments, condition)


# ---- change functions: what a record says against those of its key before it

def change(name, argument, constants, of, kind):
    """`of` takes the argument's values with their times, of all records of the key up to this one."""
    text = f"{name}({', '.join([str(argument)] + constants)})"

    def value(scope):
        if text not in scope.seen:
            scope.seen[text] = of([(s.time, argument.value(s)) for s in [*scope.earlier, scope]])
        return scope.seen[text]

    return Expression(text, value, kind)
