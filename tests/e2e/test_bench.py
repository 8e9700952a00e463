"""tools/bench: what it says of its figures, and that a program that is fast and wrong is found out."""

import json
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from benchmarks import chart, charts, results  # noqa: E402
from benchmarks.report import Figure, Report, line  # noqa: E402

TOTALS = {"a": [3, 30.0, 5, 15], "b": [1, 2.0, 2, 2]}
RIGHT = [{"device": "a", "n": 2, "mean": 10.0, "low": 5, "high": 15}, {"device": "a", "n": 1, "mean": 10.0, "low": 10, "high": 10},
         {"device": "b", "n": 1, "mean": 2.0, "low": 2, "high": 2}]


def content(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_right_results_pass_in_any_order():
    comparison = results.Comparison()
    comparison.lines(content(RIGHT), 3, TOTALS)
    comparison.lines(content(RIGHT[::-1]), 3, TOTALS)


@pytest.mark.parametrize("wrong", [
    RIGHT[1:],
    RIGHT + RIGHT[2:],
    [{**RIGHT[0], "n": 1}, *RIGHT[1:]],
    [{**RIGHT[0], "mean": 10.1}, *RIGHT[1:]],
    [{**RIGHT[0], "low": 6}, *RIGHT[1:]],
    [{**RIGHT[0], "high": 14}, *RIGHT[1:]],
    [*RIGHT[:2], {**RIGHT[2], "device": "c"}],
], ids=["one is missing", "one is there twice", "count", "mean", "low", "high", "another device"])
def test_a_wrong_result_ends_the_measurement(wrong):
    with pytest.raises(AssertionError):
        results.Comparison().lines(content(wrong), 3, TOTALS)


@pytest.mark.parametrize("values, bar, holds", [
    ([1, 2, 9], ("<=", 2), True), ([1, 2.1, 9], ("<=", 2), False), ([0.7, 0.8, 0.1], (">=", 0.7), True),
    ([0.7, 0.6, 0.1], (">=", 0.7), False), ([5], None, None)])
def test_it_is_the_median_that_is_held_against_the_bar(values, bar, holds):
    figure = Figure("row", "what", values, "", bar)
    assert figure.holds() is holds
    assert ("MISSED" in line(figure), "holds" in line(figure)) == (holds is False, holds is True)


def test_the_report_is_kept_as_json_and_names_what_is_missed(tmp_path, capsys):
    report = Report(tmp_path / "deep" / "bench.json", {"machine": "small"})
    report.add(Figure("size: the program", "file", [3.5], "MB", ("<=", 3)))
    report.add(Figure("size: the program", "text", [1.0], "MB"))
    kept = json.loads((tmp_path / "deep" / "bench.json").read_text())
    assert kept["machine"] == "small" and [f["median"] for f in kept["figures"]] == [3.5, 1.0]
    assert [figure.what for figure in report.missed()] == ["file"]
    assert capsys.readouterr().out.count("size: the program") == 1


@pytest.mark.parametrize("y_log", [False, True])
def test_a_chart_is_svg_with_a_mark_for_each_point_inside_it(y_log):
    lines = [chart.Line("one & only", [(1, 0.5), (10, 20), (1000, 3)]), chart.Line("<other>", [(1, 7), (1000, 9)])]
    root = xml.fromstring(chart.svg("T", "x", "y", lines, y_log=y_log))
    named = {"{http://www.w3.org/2000/svg}" + name for name in ("circle", "rect")}
    marks = [mark for mark in root if mark.tag in named]
    assert len(marks) == 5
    for mark in marks:
        assert 0 < float(mark.get("cx") or mark.get("x")) < chart.WIDTH
        assert 0 < float(mark.get("cy") or mark.get("y")) < chart.HEIGHT
    assert {"one & only", "<other>"} <= {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}


def test_charts_are_drawn_of_complete_reports_only(tmp_path):
    report = Report(tmp_path / "bench.json", {})
    for row, share in charts.checkpoints.SHARES.items():
        assert charts.write(report, tmp_path) == []
        for what in ("an increment", "mean over a cycle"):
            report.figures.append(Figure(f"{row}: …", f"of a full one, {what}", [share * 100]))
    assert charts.write(report, tmp_path) == [tmp_path / "checkpoint-bytes.svg"]


def test_rows_are_named_and_others_refused():
    listed = subprocess.run([ROOT / "tools/bench", "--list"], capture_output=True, text=True, check=True).stdout
    names = [entry.split()[0] for entry in listed.splitlines()]
    assert len(names) == len(set(names)) and {"tcp-json", "mqtt-qos1", "flash"} <= set(names)
    refused = subprocess.run([ROOT / "tools/bench", "--rows", "tcp-jsn"], capture_output=True, text=True)
    assert refused.returncode == 2 and "there is no row tcp-jsn" in refused.stderr


@pytest.mark.parametrize("words, why", [
    ("mips", "invalid choice"), ("armhf --all", "measures nothing"), ("armhf --instructions", "measures nothing"),
    ("armhf --rows udp-json", "udp-json compares no results")])
def test_what_is_emulated_is_compared_and_not_measured(words, why):
    refused = subprocess.run([ROOT / "tools/bench", "--emulated", *words.split()], capture_output=True, text=True)
    assert refused.returncode == 2 and why in refused.stderr


@pytest.mark.parametrize("words, why", [
    ("emulate mips tidemark", "not 'mips'"), ("emulate amd64 tests/none", "tools/foreign/build amd64"),
    ("build mips", "not 'mips'")])
def test_what_cannot_be_emulated_is_named(words, why):
    program, *arguments = words.split()
    refused = subprocess.run([ROOT / "tools/foreign" / program, *arguments], capture_output=True, text=True)
    assert refused.returncode == 1 and why in refused.stderr
