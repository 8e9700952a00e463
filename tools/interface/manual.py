"""tidemark.toml(5) out of the declarations of the settings."""

import re

TABLES = {
    "node": ("[node]", "The instance."),
    "checkpoint": ("[checkpoint]", "Snapshots of all state."),
    "journal": ("[journal]", "What came in, kept on disk until no retained checkpoint needs it."),
    "limits": ("[limits]", "Bounds. Reaching one slows the source down, or is counted and reported."),
    "log": ("[log]", "The log, on standard error."),
    "restart": ("[restart]", "How a pipeline that failed is started again; a pipeline may have a table of its own."),
    "http": ("[http]", "The status page and metrics. Without this table no port is opened."),
    "sources": ("[sources.NAME]", "Where records come from; a table each."),
    "pipelines": ("[pipelines.NAME]", "What is done with them; a table each."),
    "sinks": ("[sinks.NAME]", "Where results go; a table each."),
    "lookups": ("[lookups.NAME]", "Small tables that `lookup` takes values out of; a table each. See LOOKUPS."),
    "tests": ("[[tests]]", "What must come out, as `tidemark test` finds out; `run` does not look at them. See TESTS."),
    "tests.steps": ("[[tests.steps]]", "A step does one thing: it has `input`, `advance`, `event` or `expect`, or only `at`."),
}


def roff(text):
    """Text in which nothing is taken for a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"(?m)^(['.])", r"\\&\1", text)


def listed(words, last="or"):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def sentence(text):
    """A declaration's words as a sentence; what it begins with may be a word of the configuration."""
    first = text.split(" ")[0]
    if not re.search(r"[^a-z,]", first):
        text = text[0].upper() + text[1:]
    return text + "."


def conditions(key):
    told = []
    for condition in key["only_for"]:
        told.append(f"with {condition['key']} {listed(condition['words'])}")
    return told


def facts(key):
    """What follows the explanation: type, allowed values, default, and where it applies."""
    if key["words"]:
        what = "One of " + ", ".join(f'"{word}"' for word in key["words"])
    else:
        what = key["type"][0].upper() + key["type"][1:]
        if key["range"]:
            what += f", {key['range']}"
    out = [what + "."]
    if key["default"]:
        out.append(f"Default: {key['default']}.")
    told = " and ".join(conditions(key))
    if key["required"]:
        out.append(f"Required{' ' + told if told else ''}.")
    elif told:
        out.append(f"Only {told}.")
    for condition in key["required_for"]:
        out.append(f"Required with {condition['key']} {listed(condition['words'])}.")
    return " ".join(out)


def settings(keys):
    out = []
    table = None
    for key in keys:
        if key["table"] != table:
            table = key["table"]
            heading, about = TABLES.get(table, (f"[{table}]", ""))
            out += [f".SS {roff(heading)}"] + ([roff(about)] if about else [])
        out += [".TP", f".B {roff(key['key'])}", roff(sentence(key["doc"])), roff(facts(key))]
    return "\n".join(out)


def call(entry):
    """A function or aggregate: how it is called, what it gives, an example."""
    out = f".TP\n.B {roff(entry['signature'])}\n{roff(sentence(entry['doc']))}"
    if entry.get("also"):
        out += " Also called " + listed([f"\\fB{name}\\fR" for name in entry["also"].split()], "and") + "."
    if entry.get("example"):
        out += "\n.br\n" + roff(entry["example"])
    return out


def functions(groups):
    out = []
    for group in groups:
        out += [f".SS {roff(group['title'])}"] + [call(entry) for entry in group["functions"]]
    return "\n".join(out)


def page(template, interface):
    for mark, text in (("@SETTINGS@", settings(interface["settings"])), ("@FUNCTIONS@", functions(interface["functions"])),
                       ("@AGGREGATES@", "\n".join(map(call, interface["aggregates"]))),
                       ("@CHANGES@", "\n".join(map(call, interface["changes"])))):
        assert mark in template
        template = template.replace(mark, text)
    return template
