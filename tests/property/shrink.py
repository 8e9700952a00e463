"""Makes a case that fails smaller, as long as it fails."""

from dataclasses import replace


def without(items, start, count):
    return items[:start] + items[start + count :]


def smaller_steps(case, size):
    for start in range(0, len(case.steps) - 1, size):  # the last one ends it
        yield replace(case, steps=without(case.steps[:-1], start, size) + case.steps[-1:])


def fewer_pipelines(case):
    for i, pipeline in enumerate(case.pipelines):
        if not any(pipeline.name in other.inputs for other in case.pipelines):
            yield replace(case, pipelines=without(case.pipelines, i, 1))


def fewer_records(case):
    for i, step in enumerate(case.steps):
        if step[0] != "send" or len(step[2]) < 2:
            continue
        for j in range(len(step[2])):
            yield replace(case, steps=[*case.steps[:i], [*step[:2], without(step[2], j, 1)], *case.steps[i + 1 :]])


def fewer_columns(case):
    for i, pipeline in enumerate(case.pipelines):
        if len(pipeline.select) < 2 or any(pipeline.name in other.inputs for other in case.pipelines):
            continue
        for j in range(len(pipeline.select)):
            less = replace(pipeline, select=without(pipeline.select, j, 1))
            yield replace(case, pipelines=[*case.pipelines[:i], less, *case.pipelines[i + 1 :]])


def fewer_sinks(case):
    for i, pipeline in enumerate(case.pipelines):
        if len(pipeline.sinks) < 2:
            continue
        for j in range(len(pipeline.sinks)):
            less = replace(pipeline, sinks=without(pipeline.sinks, j, 1))
            yield replace(case, pipelines=[*case.pipelines[:i], less, *case.pipelines[i + 1 :]])


def candidates(case):
    yield from fewer_pipelines(case)
    size = len(case.steps) // 2
    while size >= 1:
        yield from smaller_steps(case, size)
        size //= 2
    yield from fewer_records(case)
    yield from fewer_columns(case)
    yield from fewer_sinks(case)


def shrink(case, fails, most_tries=1500):
    """`fails(case)` says what is wrong with it, or nothing."""
    tries = 0
    while True:
        for smaller in candidates(case):
            tries += 1
            if tries > most_tries:
                return case
            if fails(smaller):
                case = smaller
                break
        else:
            return case
