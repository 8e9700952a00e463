"""The restart strategies' settings: of all pipelines in [restart], and of one of its own."""

import pytest

import harness
import peers

HOUR = 3600


@pytest.fixture(params=["of all", "of its own"])
def after(request, tidemark, free_port):
    """A function: the pipelines' reports after so many records that cannot be evaluated, one after the other."""

    def run(restart, errors=1, pipelines=1, poison_after=1):
        port = free_port()
        own = f"restart = {{ {restart} }}" if request.param == "of its own" else ""
        config = "" if own else "[restart]\n" + restart.replace(", ", "\n") + "\n"
        config += f'[sources.words]\ntype = "tcp"\nlisten = "127.0.0.1:{port}"\nformat = "csv"\nfields = ["word"]\n'
        config += '[sinks.nowhere]\ntype = "null"\n'
        for i in range(pipelines):
            config += f"""
[pipelines.p{i}]
from = ["words"]
select = ["CAST(word AS INTEGER) AS n"]
to = ["nowhere"]
on_error = "fail"
poison_after = {poison_after}
{own}
"""
        instance = tidemark(config).start()

        def reports():
            return instance.command("status", json=True)["pipelines"]

        for i in range(errors):
            peers.send(port, "ERROR\n")
            harness.wait_until(lambda: all(one["state"] == "FAILED" or one["failing_records"] == i + 1 for one in reports()),
                               what="the failure")
        found = harness.wait_until(lambda: settled(reports(), errors), what="the pipelines to run, wait or be FAILED")
        assert instance.terminate() == 0
        return found

    def settled(reports, errors):
        """Running for good, with every record set aside: during an attempt it runs as well."""
        return all(one["state"] == "FAILED" or one["state"] == "running" and one["set_aside"] == errors
                   or (one["next_attempt_seconds"] or 0) > 5 for one in reports) and reports

    return run


@pytest.mark.interface("restart.strategy", "pipelines.restart.strategy")
@pytest.mark.parametrize("strategy, state", [("none", "FAILED"), ("fixed-delay", "standing still"),
                                             ("failure-rate", "standing still"), ("exponential-delay", "standing still")])
def test_the_strategy_decides_whether_it_tries_again(after, strategy, state):
    further = {"fixed-delay": ', delay = "1h"', "failure-rate": ', delay = "1h"', "exponential-delay": ', initial = "1h", max = "1h"'}
    assert after(f'strategy = "{strategy}"' + further.get(strategy, ""), poison_after=9)[0]["state"] == state


@pytest.mark.interface("pipelines.on_error", "pipelines.poison_after")
@pytest.mark.interface("restart.delay", "pipelines.restart.delay")
def test_the_delay_is_the_time_before_an_attempt(after):
    late, = after('strategy = "fixed-delay", attempts = 9, delay = "1h"', poison_after=9)
    assert late["state"] == "standing still" and HOUR - 600 < late["next_attempt_seconds"] <= HOUR
    soon, = after('strategy = "fixed-delay", attempts = 9, delay = "10ms"', poison_after=3)
    assert (soon["state"], soon["set_aside"]) == ("running", 1)


@pytest.mark.interface("restart.attempts", "pipelines.restart.attempts")
def test_attempts_are_the_failing_records_it_goes_on_after(after):
    assert after('strategy = "fixed-delay", attempts = 1', errors=2)[0]["state"] == "FAILED"
    assert after('strategy = "fixed-delay", attempts = 2', errors=2)[0]["state"] == "running"


@pytest.mark.interface("restart.max_failures", "pipelines.restart.max_failures", "restart.per",
                       "pipelines.restart.per")
def test_the_failure_rate_is_so_many_within_a_time(after):
    assert after('strategy = "failure-rate", max_failures = 1, per = "1h"', errors=2)[0]["state"] == "FAILED"
    assert after('strategy = "failure-rate", max_failures = 2, per = "1h"', errors=2)[0]["state"] == "running"
    assert after('strategy = "failure-rate", max_failures = 1, per = "1ms"', errors=2)[0]["state"] == "running"


@pytest.mark.interface("restart.initial", "pipelines.restart.initial", "restart.max", "pipelines.restart.max",
                       "restart.multiplier", "pipelines.restart.multiplier")
def test_the_exponential_delay_grows_from_initial_to_max(after):
    first, = after('strategy = "exponential-delay", initial = "1h", max = "1h", jitter = 0', poison_after=9)
    assert HOUR - 600 < first["next_attempt_seconds"] <= HOUR
    grown, = after('strategy = "exponential-delay", initial = "20ms", max = "2h", multiplier = 1000, jitter = 0', poison_after=9)
    assert 5 < grown["next_attempt_seconds"] <= 20
    level, = after('strategy = "exponential-delay", initial = "20ms", max = "2h", multiplier = 1, jitter = 0', poison_after=3)
    assert (level["state"], level["set_aside"]) == ("running", 1)
    bounded, = after('strategy = "exponential-delay", initial = "20ms", max = "30ms", multiplier = 1000, jitter = 0', poison_after=3)
    assert (bounded["state"], bounded["set_aside"]) == ("running", 1)


@pytest.mark.interface("restart.jitter", "pipelines.restart.jitter")
def test_jitter_varies_the_delay(after):
    """Six that all hit the same minute of two hours by chance: once in 10 to the 12th."""
    exact = after('strategy = "exponential-delay", initial = "1h", max = "1h", jitter = 0', pipelines=6, poison_after=9)
    assert all(HOUR - 60 < one["next_attempt_seconds"] <= HOUR for one in exact)
    varied = after('strategy = "exponential-delay", initial = "1h", max = "1h", jitter = 1', pipelines=6, poison_after=9)
    assert not all(HOUR - 60 < one["next_attempt_seconds"] <= HOUR for one in varied)
