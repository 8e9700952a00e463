"""Completions for bash, zsh and fish out of the declarations of the command line.

Values are completed where the shell can know them: files for FILE, checkpoints for REF.
"""

CHECKPOINTS = "tidemark checkpoint list --json 2>/dev/null | grep -o 'chk-[0-9]*' | sort -u"


def first_line(text):
    return text.split("\n")[0].rstrip(":")


def groups(commands):
    """{"checkpoint": ["create", ...]}: the first words that lead to further ones."""
    out = {}
    for command in commands:
        first, _, second = command["name"].partition(" ")
        out.setdefault(first, [])
        if second:
            out[first].append(second)
    return out


def takes_files(value):
    return "FILE" in value or value.endswith((".toml", "PATH"))


def long_name(option):
    return option["names"][0]


# ---- bash

def bash(commands):
    leaves = []
    for command in commands:
        options = " ".join(name for option in command["options"] for name in option["names"])
        references = " references" if any("REF" in one["value"] for one in command["arguments"]) else ""
        files = " files" if any(takes_files(one["value"]) for one in command["arguments"]) else ""
        leaves.append(f'    "{command["name"]}") words="{options}"{"; kind=" + (references or files).strip() if references or files else ""} ;;')
    below = [f'      {name}) words="{" ".join(words)} --help" ;;'
             for name, words in groups(commands).items() if words]
    files = sorted({name for command in commands for option in command["options"] if takes_files(option["value"])
                    for name in option["names"]})
    references = sorted({name for command in commands for option in command["options"] if option["value"] == "REF"
                         for name in option["names"]})
    return f"""# bash completion of tidemark, made from its own command line.
_tidemark() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local words="" kind="" command=""
  local -i at
  COMPREPLY=()
  case $previous in
    {"|".join(files)})
      COMPREPLY=($(compgen -f -- "$current"))
      compopt -o filenames 2>/dev/null
      return
      ;;
    {"|".join(references) or "--no-such-option"})
      COMPREPLY=($(compgen -W "latest none $({CHECKPOINTS})" -- "$current"))
      return
      ;;
  esac
  for ((at = 1; at < COMP_CWORD; ++at)); do
    [[ ${{COMP_WORDS[at]}} == -* ]] && break
    command+="${{command:+ }}${{COMP_WORDS[at]}}"
    case $command in
      {"|".join(f'"{command["name"]}"' for command in commands)}) break ;;
    esac
  done
  case $command in
    "") words="{" ".join(groups(commands))} --help --version" ;;
{chr(10).join(leaves)}
    *)
      case $command in
{chr(10).join(below)}
      esac
      ;;
  esac
  if [[ $kind == references && $current != -* ]]; then
    words="latest $({CHECKPOINTS})"
  elif [[ $kind == files && $current != -* ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
    compopt -o filenames 2>/dev/null
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _tidemark tidemark
"""


# ---- zsh

def zsh_text(text):
    return first_line(text).replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_value(value):
    if not value:
        return ""
    if value == "REF":
        return ":REF:_tidemark_references"
    return f":{zsh_text(value)}:_files" if takes_files(value) else f":{zsh_text(value)}:"


def zsh_argument(value):
    if value == "REF":
        return "_tidemark_references"
    return "_files" if takes_files(value) else ""


def zsh_options(command):
    out = []
    for option in command["options"]:
        names = option["names"]
        spelled = names[0] if len(names) == 1 else "{" + ",".join(names) + "}"
        exclusive = "(" + " ".join(names) + ")"
        out.append(f"'{exclusive}'{spelled}'[{zsh_text(option['does'])}]{zsh_value(option['value'])}'")
    for argument in command["arguments"]:
        out.append(f"'*:{zsh_text(argument['value'])}:{zsh_argument(argument['value'])}'")
    return " \\\n        ".join(out)


def zsh(commands):
    by_name = {command["name"]: command for command in commands}
    cases = []
    described = []
    for name, words in groups(commands).items():
        about = first_line(by_name[name]["does"]) if name in by_name else "commands of their own"
        described.append(f"'{name}:{zsh_text(about)}'")
        if not words:
            cases.append(f"    {name})\n      _arguments -s \\\n        {zsh_options(by_name[name])}\n      ;;")
            continue
        below = " ".join(f"'{word}:{zsh_text(by_name[f'{name} {word}']['does'])}'" for word in words)
        inner = "\n".join(
            f"        {word})\n          _arguments -s \\\n        {zsh_options(by_name[f'{name} {word}'])}\n          ;;"
            for word in words)
        cases.append(f"""    {name})
      if (( CURRENT == 2 )); then
        local -a below=({below})
        _describe 'command' below
        return
      fi
      shift words
      (( CURRENT-- ))
      case $words[1] in
{inner}
      esac
      ;;""")
    return f"""#compdef tidemark
# zsh completion of tidemark, made from its own command line.

_tidemark_references() {{
  local -a references=(latest none ${{(f)"$({CHECKPOINTS})"}})
  _describe 'checkpoint' references
}}

_tidemark() {{
  if (( CURRENT == 2 )); then
    local -a commands=({" ".join(described)})
    _describe 'command' commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{chr(10).join(cases)}
  esac
}}

_tidemark "$@"
"""


# ---- fish

def fish_text(text):
    return first_line(text).replace("\\", "\\\\").replace("'", "\\'")


def fish(commands):
    by_name = {command["name"]: command for command in commands}
    lines = ["# fish completion of tidemark, made from its own command line.", "complete -c tidemark -f"]
    for name, words in groups(commands).items():
        about = by_name[name]["does"] if name in by_name else "commands of their own"
        lines.append(f"complete -c tidemark -n __fish_use_subcommand -a {name} -d '{fish_text(about)}'")
        for word in words:
            lines.append(f"complete -c tidemark -n '__fish_seen_subcommand_from {name}; and not "
                         f"__fish_seen_subcommand_from {' '.join(words)}' -a {word} "
                         f"-d '{fish_text(by_name[f'{name} {word}']['does'])}'")
    for command in commands:
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command["name"].split())
        for option in command["options"]:
            parts = [f"complete -c tidemark -n '{seen}'"]
            for name in option["names"]:
                parts.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
            if option["value"]:
                parts.append("-r -F" if takes_files(option["value"]) else "-x")
            if option["value"] == "REF":
                parts.append(f'-a "latest none ({CHECKPOINTS})"')
            lines.append(" ".join(parts) + f" -d '{fish_text(option['does'])}'")
        for argument in command["arguments"]:
            if argument["value"] == "REF":
                lines.append(f"complete -c tidemark -n '{seen}' -a \"latest ({CHECKPOINTS})\"")
            elif takes_files(argument["value"]):
                lines.append(f"complete -c tidemark -n '{seen}' -F")
    return "\n".join(lines) + "\n"
