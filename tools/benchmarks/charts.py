"""The two charts of the README, from the figures of a report that has what they need."""

from benchmarks import chart, checkpoints

KEYS = {1: "keys-1", 10_000: "tcp-json", 1_000_000: "keys-1m"}


def write(report, folder):
    """The paths of those that could be drawn."""
    drawn = {"throughput.svg": throughput(report), "checkpoint-bytes.svg": checkpoint_bytes(report)}
    paths = []
    for name, svg in drawn.items():
        if svg:
            (folder / name).write_text(svg)
            paths.append(folder / name)
    return paths


def figure_of(report, row, what):
    return next((figure.value for figure in report.figures
                 if figure.row.split(":")[0] == row and figure.what == what), None)


def throughput(report):
    lines = []
    for name, suffix in (("journal off", ""), ("journal on", "-journal")):
        points = [(keys, figure_of(report, row + suffix, "records a second")) for keys, row in KEYS.items()]
        lines.append(chart.Line(name, points))
    bare = [(keys, figure_of(report, f"bare, tcp plain, {keys:,} keys", "records a second")) for keys in KEYS]
    lines.append(chart.Line("bare", bare))
    if any(y is None for line in lines for _, y in line.points):
        return None
    return chart.svg("Throughput by number of keys", "keys", "million records of 100 bytes a second, one core", lines,
                     {keys: f"{keys:,}" for keys in KEYS})


def checkpoint_bytes(report):
    def points(what):
        return [(share * 100, figure_of(report, row, what)) for row, share in checkpoints.SHARES.items()]

    lines = [chart.Line("mean over a cycle", points("of a full one, mean over a cycle")),
             chart.Line("an increment", points("of a full one, an increment"))]
    if any(y is None for line in lines for _, y in line.points):
        return None
    return chart.svg("Bytes of a checkpoint by share of keys changed", "% of 1,000,000 keys changed since the last one",
                     "% of a full checkpoint", lines, {x: f"{x:g} %" for x, _ in lines[0].points}, y_log=True)
