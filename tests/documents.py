"""What the documents print: commands, Python, configs and data, in their order."""

import json
import re
from dataclasses import dataclass
from typing import Any, Iterator, List, Tuple

from markdown_it import MarkdownIt

from tests.conftest import ROOT

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in (
        "README.md",
        "docs/*.md",
        "training_configs/README.md",
        "packaging/README.md",
        "fixtures/README.md",
    )
    for path in ROOT.glob(pattern)
    if path.name != "new_task.md"  # followed by test_new_task.py
)
# What a command begins with. A code block that begins with another word in lower case is an error, so that no
# command goes unseen.
PROGRAMS = {"allennlp", "diff", "echo", "for", "hf", "make", "mkdir", "pip", "python", "torchrun", "unzip"}
SHELLS = {"sh", "bash", "shell", "console"}  # as fences call it
COMMAND_LIKE = re.compile(r"\$|\.[\w./-]+|[a-z][\w.+-]*")
ASSIGNMENTS = re.compile(r"(?:[A-Z][A-Z_0-9]*=\S+ )*")
# Options with a value that is a program's to read.
OPTIONS = re.compile(r"--?[a-z-]+ '\{")
# Of synopses, as in `allennlp show-entities FILE`: these stand in the text, never in a block of commands.
PLACEHOLDER = re.compile(r"(?<=\s)(?:\.\.\.|[A-Z]+|\[.*\])(?=\s|$)")


@dataclass(frozen=True)
class Item:
    """A code block, or code in the text (`inline`), with the heading above and the text right before it."""

    kind: str  # commands, options, python, jsonnet, json or other
    text: str
    line: int
    heading: str
    before: str
    inline: bool = False

    def commands(self) -> List[str]:
        """A command each, with the lines that a backslash or a loop continues it on."""
        found: List[str] = []
        for line in self.text.rstrip("\n").split("\n"):
            goes_on = found and (
                found[-1].endswith("\\") or re.search(r"^for\b(?!.*^done$)", found[-1], re.M | re.S)
            )
            if goes_on:
                found[-1] += "\n" + line
            elif line.strip() and not line.lstrip().startswith("#"):
                found.append(line)
        return found

    def file(self) -> str:
        """Where a config belongs: the file that the text before it names last, or an empty string."""
        files = re.findall(r"`([\w./-]+\.jsonnet)`", self.before)
        return files[-1] if files and self.kind == "jsonnet" else ""

    def records(self) -> Iterator[Any]:
        """The values of a block of JSON, each over one line or several."""
        decoder, rest = json.JSONDecoder(), self.text.strip()
        while self.kind == "json" and rest:
            value, end = decoder.raw_decode(rest)
            yield value
            rest = rest[end:].strip()


def read_document(text: str, name: str = "document") -> List[Item]:
    """
    All code blocks of Markdown, and those commands and options in the text that can be used as they stand.
    Raises a `ValueError` if it cannot be told what a block is, or a block of commands has a placeholder.
    """
    items: List[Item] = []
    heading = before = ""
    line, in_heading = 0, False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        line = token.map[0] + 1 if token.map else line
        in_heading = token.type == "heading_open" or in_heading and token.type != "heading_close"
        if token.type == "inline":
            if in_heading:
                heading = token.content
            else:
                before = token.content
            for child in token.children or []:
                if child.type == "code_inline" and (kind := _inline_kind(child.content)):
                    items.append(Item(kind, child.content, line, heading, before, inline=True))
        elif token.type in ("code_block", "fence"):
            line += token.type == "fence"
            for part, first in _parts(token.content, token.info):
                kind = _kind(part, token.info, f"{name}, line {line + first}")
                items.append(Item(kind, part, line + first, heading, before))
    return items


def _parts(text: str, info: str) -> Iterator[Tuple[str, int]]:
    """An indented block goes on over blank lines: commands may be followed by what they read or print."""
    if info and info not in SHELLS or text.startswith(("from ", "import ")):
        yield text, 0
        return
    line = 0
    for part in re.split(r"(\n{2,})", text):
        if part.strip():
            yield part.rstrip("\n") + "\n", line
        line += part.count("\n")


def _kind(text: str, info: str, where: str) -> str:
    """Of a block: what its fence says, else by its first word."""
    if info and info not in SHELLS:
        return info if info in ("python", "jsonnet", "json") else "other"
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.M) or "#"
    first = lines[ASSIGNMENTS.match(lines).end() :].split()[0]  # type: ignore[union-attr]
    if first in PROGRAMS:
        if placeholder := PLACEHOLDER.search(_without_strings(text)):
            raise ValueError(
                f"{where}: {placeholder[0]!r} among commands cannot be run; print a command as a user "
                "types it, and put the synopsis into the text"
            )
        return "commands"
    if first in ("from", "import"):
        return "python"
    if first.startswith("(import"):
        return "jsonnet"
    if first.startswith('{"') and "..." not in text:
        return "json"
    if info in SHELLS or COMMAND_LIKE.fullmatch(first):
        raise ValueError(f"{where}: {first!r} begins no command that is known here: see PROGRAMS")
    return "other"


def _inline_kind(code: str) -> str:
    """Names of subcommands are no commands, as `allennlp train`, nor are these with nothing but options."""
    if PLACEHOLDER.search(_without_strings(code)) or "..." in code:
        return ""
    if OPTIONS.match(code):
        return "options"
    words = code[ASSIGNMENTS.match(code).end() :].split()  # type: ignore[union-attr]
    if len(words) < 2 or words[0] not in PROGRAMS:
        return ""
    return "commands" if words[0] != "allennlp" or len(words) > 2 and not words[2].startswith("-") else ""


def _without_strings(text: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
