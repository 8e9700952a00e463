#!/usr/bin/python3 -B
"""Random pipelines over random streams, with power cuts, against an independent oracle.

    tests/property/property_test.py                     2,000 cases
    tests/property/property_test.py --seed 4711         one case: what is wrong with it, as small as it gets
    tests/property/property_test.py --hours 8           new cases for so long

A case is drawn from its seed (draw.py): pipelines of every kind; records out of order, late, bad, with fields that
are missing, from sources that fall silent; power cuts before random file operations, kills, restarts, failing disks,
broken connections. The appliance itself runs it on a simulated machine (machine.cc, which --machine names). What
stands in the sinks at the end must be what the oracle (oracle.py) makes of the records: each result once, in order.

When each record came in, a pipeline tells that does nothing else. It is not believed: each record must be there
once, at a time at which it was sent, and not after it was acknowledged.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

from draw import draw
from judge import judge
from shrink import shrink

BUILT = Path(__file__).resolve().parents[2] / "build/release/tests/property_machine"


class Machine:
    """The program that runs cases; another one when it has ended."""

    def __init__(self, path):
        self.path = path
        self.process = None

    def run(self, order):
        if self.process is None:
            self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            return json.loads(answer)
        code = self.process.wait()
        self.process = None
        return {"trouble": [f"the machine ended with {code}"], "cuts": 0}


machine = None  # of this process


def begin(path):
    global machine
    machine = Machine(path)


def run(case):
    told = machine.run(case.order())
    wrong, compared = judge(case, told)
    return wrong, compared, told


def run_seed(seed):
    wrong, compared, told = run(draw(seed))
    return seed, wrong, compared, told["cuts"]


def show(case, wrong):
    print(case.config())
    print(f"# the clock begins at {case.begin}; lanes: {case.lanes}; machine's seed: {case.seed}")
    numbers = {source.name: 0 for source in case.sources}
    records = case.records()
    for step in case.steps:
        if step[0] != "send":
            print("#", *step)
            continue
        for _ in step[2]:
            print(f"# {step[1]} sends", records[step[1]][numbers[step[1]]].line)
            numbers[step[1]] += 1
    print("\n" + wrong)


def one(seed, path):
    begin(path)
    case = draw(seed)
    wrong, compared, told = run(case)
    if not wrong:
        print(f"seed {seed}: {compared} results are right, over {told['cuts']} power cuts and kills")
        return 0
    case = shrink(case, lambda smaller: run(smaller)[0])
    show(case, run(case)[0])
    return 1


def seeds(first, cases, until):
    seed = first
    while time.monotonic() < until if until else seed < first + cases:
        yield seed
        seed += 1


def many(arguments):
    until = time.monotonic() + arguments.hours * 3600 if arguments.hours else None
    count = results = cuts = 0
    failed = []
    with multiprocessing.Pool(arguments.jobs, begin, (arguments.machine,)) as pool:
        for seed, wrong, compared, cut in pool.imap_unordered(
            run_seed, seeds(arguments.first, arguments.cases, until), chunksize=10
        ):
            count, results, cuts = count + 1, results + compared, cuts + cut
            if wrong:
                failed.append(seed)
                print(f"seed {seed}: {wrong[:600]}", flush=True)
            if arguments.must_fail and failed:
                break
            if len(failed) == 20:
                print("and so on")
                break
        pool.terminate()
    print(f"{count} cases, {results} results compared, {cuts} power cuts and kills; {len(failed)} failed")
    if arguments.must_fail:
        return 0 if failed else 1
    if count >= 500 and (results < 20 * count or cuts < count):
        print("these cases are not worth running: they hardly have results, or cuts")
        return 1
    if failed:
        print(f"look at one: {sys.argv[0]} --machine {arguments.machine} --seed {failed[0]}")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default=str(BUILT), help="the program that runs cases")
    parser.add_argument("--seed", type=int, help="runs this case alone, and makes it smaller if it fails")
    parser.add_argument("--first", type=int, help="the seed of the first case; left out: 1, with --hours a new one")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--hours", type=float, help="goes on for so long, whatever --cases says")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cases that run side by side")
    parser.add_argument("--must-fail", action="store_true", help="a control: a case has to fail")
    arguments = parser.parse_args()
    if arguments.first is None:
        arguments.first = int(time.time()) * 1000 if arguments.hours else 1
    if arguments.seed is not None:
        return one(arguments.seed, arguments.machine)
    return many(arguments)


if __name__ == "__main__":
    sys.exit(main())
