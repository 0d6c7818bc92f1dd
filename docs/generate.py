"""
Fills the generated blocks of docs/*.md from docstrings, signatures and command-line parsers.

    python docs/generate.py          writes the blocks
    python docs/generate.py --check  fails if one is out of date

A block stands between `<!-- options: luke_allennlp.some.module.Class -->` and `<!-- end of options -->`. The
other blocks are `<!-- names -->` (all registered names) and `<!-- commands -->` (all subcommands).
"""

import argparse
import importlib
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

from allennlp.commands import Subcommand
from allennlp.common import Lazy, Registrable

import luke_allennlp.components  # noqa: F401

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(r"<!-- (options|names|commands)(?:: (\S+))? -->\n.*?<!-- end of \1 -->", re.S)
JSON_NAMES = {"None": "`null`", "True": "`true`", "False": "`false`"}
PARAMETER = re.compile(r"^([\w, ]+?) : (.*)$")
NOT_IN_CONFIGS = "This argument does not get an entry in a configuration file for the object."
# Nor do these.
NOT_OPTIONS = {
    *("cls", "data_loader", "dataset_reader", "kwargs", "model", "model_parameters", "reader", "self"),
    *("serialization_dir", "validation_data_loader", "vocab"),
}


def registered() -> List[Tuple[str, str, type, Optional[str]]]:
    """Base class, name, class and constructor of everything that this package registers, sorted."""
    return sorted(
        (
            (base.__name__, name, cls, constructor)
            for base, names in Registrable._registry.items()
            for name, (cls, constructor) in names.items()
            if cls.__module__.startswith("luke_allennlp.")
        ),
        key=lambda entry: entry[:2],
    )


def described(cls: type) -> Dict[str, str]:
    """The parameters that the docstrings of a class and its bases describe, in their order."""
    found: Dict[str, str] = {}
    for owner in cls.__mro__:
        if not owner.__module__.startswith("luke_allennlp."):
            continue
        section = re.search(
            r"^# Parameters\n(.*?)(?=^# |\Z)", inspect.cleandoc(owner.__doc__ or ""), re.M | re.S
        )
        names: List[str] = []
        for line in (section[1] if section else "").splitlines():
            if parameter := PARAMETER.match(line):
                names = [name for name in re.split(r",\s*", parameter[1]) if not found.get(name)]
                found.update(dict.fromkeys(names, ""))
            for name in names if line.startswith(" ") else []:
                found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def find_class(path: str) -> type:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SystemExit(f"docs: there is no class {path}; correct its options block") from error


def options(path: str) -> Iterator[str]:
    """The table of the options of the class at the dotted path."""
    cls = find_class(path)
    constructor = next((entry[3] for entry in registered() if entry[2] is cls), None)
    parameters = inspect.signature(getattr(cls, constructor or "__init__")).parameters
    rows = []
    for name, meaning in described(cls).items():
        parameter = parameters.get(name)
        if parameter is not None and name not in NOT_OPTIONS and NOT_IN_CONFIGS not in meaning:
            required = parameter.default is inspect.Parameter.empty
            meaning = re.sub("`(None|True|False)`", lambda m: JSON_NAMES[m[1]], meaning)
            rows.append((f"`{name}`", "required" if required else shown(parameter.default), meaning))
    return table(("option", "default", "meaning"), rows)


def names() -> Iterator[str]:
    rows = []
    for base, name, cls, _ in registered():
        if base != "Subcommand":
            rows.append((f"`{base}`", f"`{name}`", f"`{cls.__module__}.{cls.__name__}`", first_sentence(cls)))
    return table(("type", "name", "class", "description"), rows)


def first_sentence(cls: type) -> str:
    text = re.sub(r"^Registered as .*?(\n\s*\n|\Z)", "", inspect.cleandoc(cls.__doc__ or ""), flags=re.S)
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.:])\s+(?=[A-Z`])", paragraph)[0].rstrip(":").removesuffix(" and gives")


def commands() -> Iterator[str]:
    subparsers = argparse.ArgumentParser(prog="allennlp").add_subparsers()
    for name in sorted(entry[1] for entry in registered() if entry[0] == "Subcommand"):
        parser = Subcommand.by_name(name)().add_subparser(subparsers)
        yield from (f"## {name}", "", f"{' '.join((parser.description or '').split())}", "")
        yield from table(
            ("argument", "default", "meaning"), (command_row(a) for a in parser._actions if a.dest != "help")
        )
        yield ""


def command_row(action: argparse.Action) -> Tuple[str, str, str]:
    name = (
        ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.metavar or action.dest}`"
    )
    meaning = " ".join(
        (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%").split()
    )
    if action.choices:
        meaning += f" (one of {', '.join(f'`{choice}`' for choice in action.choices)})"
    is_required = action.required and action.nargs != "?"
    is_flag = action.nargs == 0 or action.default in (None, argparse.SUPPRESS)
    return name, "required" if is_required else "" if is_flag else shown(action.default), meaning


def shown(value: Any) -> str:
    if isinstance(value, Lazy):
        return ""
    return f"`{json.dumps(value, default=str)}`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    cells = [list(head), *([unlinked(cell).replace("|", "\\|") for cell in row] for row in rows)]
    for number, row in enumerate(cells):
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")
        if number == 0:
            yield "|" + "---|" * len(row)


def unlinked(text: str) -> str:
    """Without the links of docstrings to each other."""
    return re.sub(r"\[(`[^`]*`)\]\(#\w+\)", r"\1", text)


def filled(text: str) -> str:
    """A document with its blocks as they should be."""

    def fill(block: "re.Match[str]") -> str:
        kind, path = block[1], block[2]
        lines = options(path) if kind == "options" else names() if kind == "names" else commands()
        start = block[0].split("\n", 1)[0]
        return "\n".join([start, "", *"\n".join(lines).strip().split("\n"), "", f"<!-- end of {kind} -->"])

    return BLOCK.sub(fill, text)


def main(arguments: List[str]) -> int:
    stale = []
    for document in sorted(DOCS.glob("*.md")):
        text = document.read_text(encoding="utf-8")
        if filled(text) != text:
            stale.append(document.name)
            if "--check" not in arguments:
                document.write_text(filled(text), encoding="utf-8")
    print(f"{'Out of date' if '--check' in arguments else 'Updated'}: {', '.join(stale) or 'none'}")
    return int("--check" in arguments and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
