"""Which windows a moment is in: all of them, one after another, by their ends. Times are milliseconds since 1970."""

from datetime import date, timedelta

DAY = 86_400_000
EPOCH = date(1970, 1, 1)


def floor(time, step, offset=0):
    return time - (time - offset) % step


def tumbling(size, offset):
    def of(time):
        start = floor(time, size, offset)
        return [(start, start + size)]

    return of


def hopping(size, slide, offset):
    def of(time):
        found = []
        start = floor(time, slide, offset)
        while start > time - size:
            found.append((start, start + size))
            start -= slide
        return found[::-1]

    return of


def cumulating(size, step, offset):
    def of(time):
        start = floor(time, size, offset)
        return [(start, end) for end in range(start + step, start + size + 1, step) if time < end]

    return of


# ---- days of Europe/Berlin, since 1996

def last_sunday(year, month):
    day = date(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def utc_of(day, ms):
    """When a wall there shows `ms` after midnight of that day, outside of the hours at which clocks change."""
    local = (day - EPOCH).days * DAY + ms
    summer_begins = ((last_sunday(day.year, 3) - EPOCH).days * 24 + 1) * 3_600_000
    summer_ends = ((last_sunday(day.year, 10) - EPOCH).days * 24 + 1) * 3_600_000
    in_summer = local - 2 * 3_600_000
    return in_summer if summer_begins <= in_summer < summer_ends else local - 3_600_000


def days_of_berlin(size_days, slide_days, offset):
    """Windows of whole days; size = slide: tumbling ones."""

    def begins(number):
        return utc_of(EPOCH + timedelta(days=number), offset)

    def of(time):
        number = time // DAY // slide_days * slide_days + 2 * slide_days
        found = []
        while True:
            start, end = begins(number), begins(number + size_days)
            if start <= time < end:
                found.append((start, end))
            if end <= time:
                return found[::-1]
            number -= slide_days

    return of


def cumulating_days_of_berlin(size_days, step, offset):
    """Steps from the beginning of the day on; the last one ends with it."""
    whole = days_of_berlin(size_days, size_days, offset)

    def of(time):
        start, end = whole(time)[0]
        ends = list(range(start + step, end, step)) + [end]
        return [(start, e) for e in ends if time < e]

    return of
