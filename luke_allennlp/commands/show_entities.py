"""
The `show-entities` subcommand prints the entities that `allennlp predict` found with a `luke_ner` model
inside their texts: in colour on a terminal, in brackets elsewhere.
"""

import argparse
import json
import os
import re
import sys
import zlib
from collections import Counter
from itertools import islice
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

_RESET = "\x1b[0m"
# Background colours of the 256-colour palette which black letters can be read on.
_USUAL_COLORS = {"PER": 117, "PERSON": 117, "ORG": 157, "LOC": 222, "GPE": 222, "MISC": 219}
_OTHER_COLORS = (114, 116, 120, 147, 150, 153, 159, 173, 179, 180, 186, 192, 210, 215, 216, 223, 224, 228)


class Entity(NamedTuple):
    """
    A labelled piece of a text.

    # Parameters

    start : `int`
        Its first character.
    end : `int`
        The character after its last.
    label : `str`
    """

    start: int
    end: int
    label: str


class Prediction(NamedTuple):
    """
    One line of the predictor's output.

    # Parameters

    text : `str`
    entities : `List[Entity]`
        As the line has them; they may be nested or cross each other.
    """

    text: str
    entities: List[Entity]


@Subcommand.register("show-entities")
class ShowEntities(Subcommand):
    """
    Registered as a `Subcommand` with name "show-entities".

    Prints the predictions of a `luke_ner` model for people to read.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = (
            """Print texts with the entities that `allennlp predict` found in them, coloured by type."""
        )
        subparser = parser.add_parser(
            self.name, description=description, help="Print predicted entities inside their texts."
        )
        subparser.add_argument(
            "predictions",
            type=str,
            metavar="FILE",
            help="what `allennlp predict` wrote with a luke_ner model (JSON lines); - for standard input",
        )
        subparser.add_argument(
            "--no-color",
            action="store_true",
            help="mark entities with brackets alone, as where the output is no terminal or NO_COLOR is set "
            "(FORCE_COLOR=1 colours it in any place)",
        )
        subparser.add_argument(
            "--limit", type=int, default=None, metavar="N", help="print only the first N texts"
        )
        subparser.set_defaults(func=show_entities_from_args)
        return subparser


def show_entities_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong with the input ends it with one sentence on standard error.
    """
    try:
        if args.limit is not None and args.limit < 1:
            raise ConfigurationError(f"--limit is {args.limit}; expected 1 or more.")
        show_entities(args.predictions, color=not args.no_color and wants_color(), limit=args.limit)
    except ConfigurationError as error:
        sys.exit(f"allennlp show-entities: {error}")
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_entities(path: str, color: bool, limit: Optional[int] = None) -> None:
    """
    Prints the texts in a predictions file with their entities marked, then the types with their counts.

    # Parameters

    path : `str`
        A file of JSON lines, each with `text` and `entities`; "-" for standard input.
    color : `bool`
        Whether to mark entities with colours; otherwise with brackets.
    limit : `int`, optional (default = `None`)
        Print at most so many texts.
    """
    counts: Counter = Counter()
    for prediction in islice(read_predictions(path), limit):
        counts.update(entity.label for entity in prediction.entities)
        print(render(prediction, color))
        if "\n" in prediction.text:
            print()
    labels = [f"{mark_label(label, color)} {count}" for label, count in sorted(counts.items())]
    print(f"\n{'  '.join(labels) if labels else 'No entities.'}")


def wants_color() -> bool:
    """
    Whether to colour what goes to standard output: see https://no-color.org and https://force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] != "0"
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def read_predictions(path: str) -> Iterator[Prediction]:
    """
    Reads the JSON lines that `allennlp predict` writes to its output file, or prints. Raises a
    `ConfigurationError` which names the file and line if there are none.
    """
    if path == "-":
        yield from _parse_lines("standard input", sys.stdin)
        return
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield from _parse_lines(path, file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8, {error}"
        raise ConfigurationError(
            f"{path}: cannot read it ({reason}); give the file that `allennlp predict --output-file` wrote."
        ) from error


def render(prediction: Prediction, color: bool) -> str:
    """
    The text with each entity and its label marked. An entity inside another is marked inside it; one that
    crosses another, so that neither is inside, is told below the text.
    """
    text = prediction.text
    nested, crossing = _separate_crossing(prediction.entities)
    pieces: List[str] = []
    open_entities: List[Entity] = []
    position = 0

    def advance(end: int) -> None:
        nonlocal position
        piece = text[position:end]
        if color and open_entities:
            style = _style(open_entities[-1].label)
            # A background colour must not run on over the line's end.
            piece = "\n".join(f"{style}{line}{_RESET}" if line else "" for line in piece.split("\n"))
        pieces.append(piece)
        position = end

    def close() -> None:
        entity = open_entities[-1]
        advance(entity.end)
        open_entities.pop()
        pieces.append(_closing(entity.label, color))

    for entity in nested:
        while open_entities and open_entities[-1].end <= entity.start:
            close()
        advance(entity.start)
        if not color:
            pieces.append("[")
        open_entities.append(entity)
    while open_entities:
        close()
    advance(len(text))
    below = [
        f'\n    "{text[entity.start : entity.end]}" {mark_label(entity.label, color)}' for entity in crossing
    ]
    return "".join(pieces + below)


def mark_label(label: str, color: bool) -> str:
    """The label as it stands in the legend: on its colour, which is the same in every run."""
    return f"{_style(label)} {label} {_RESET}" if color else label


def _closing(label: str, color: bool) -> str:
    return f"{_style(label)}\x1b[1m {label} {_RESET}" if color else f" {label}]"


def _style(label: str) -> str:
    number = _USUAL_COLORS.get(label.upper())
    if number is None:
        number = _OTHER_COLORS[zlib.crc32(label.encode("utf-8")) % len(_OTHER_COLORS)]
    return f"\x1b[30;48;5;{number}m"


def _separate_crossing(entities: Iterable[Entity]) -> Tuple[List[Entity], List[Entity]]:
    """Outer entities before inner ones; then those which cross one of them."""
    nested: List[Entity] = []
    crossing: List[Entity] = []
    enclosing: List[Entity] = []
    for entity in sorted(entities, key=lambda entity: (entity.start, -entity.end)):
        while enclosing and enclosing[-1].end <= entity.start:
            enclosing.pop()
        if enclosing and enclosing[-1].end < entity.end:
            crossing.append(entity)
        else:
            nested.append(entity)
            enclosing.append(entity)
    return nested, crossing


def _parse_lines(source: str, lines: Iterable[str]) -> Iterator[Prediction]:
    for number, line in enumerate(lines, start=1):
        # What `allennlp predict` prints, when it is piped here, has its inputs in it too.
        if not line.strip() or re.match(r"input \d+: ", line):
            continue
        where = f"{source}, line {number}"
        try:
            content = json.loads(line.removeprefix("prediction: "))
        except ValueError as error:
            raise ConfigurationError(
                f"{where}: not JSON ({error}); expected what `allennlp predict` writes with a luke_ner model."
            ) from None
        yield _parse_prediction(where, content)


def _parse_prediction(where: str, content: object) -> Prediction:
    if not isinstance(content, dict):
        raise ConfigurationError(f'{where}: expected a JSON object with "text" and "entities".')
    text, entities = content.get("text"), content.get("entities")
    for key, value, type_, kind in (("text", text, str, "a string"), ("entities", entities, list, "a list")):
        if not isinstance(value, type_):
            found = f"found {json.dumps(value)[:40]}" if key in content else "found no such key"
            raise ConfigurationError(
                f'{where}: expected "{key}", {kind}, {found}; give the predictions of a luke_ner model.'
            )
    assert isinstance(text, str) and isinstance(entities, list)
    return Prediction(text, [_parse_entity(where, text, entity) for entity in entities])


def _parse_entity(where: str, text: str, entity: object) -> Entity:
    if isinstance(entity, dict):
        start, end, label = entity.get("start"), entity.get("end"), entity.get("label")
        if isinstance(start, int) and isinstance(end, int) and isinstance(label, str):  # noqa: SIM102
            if 0 <= start < end <= len(text) and entity.get("text", text[start:end]) == text[start:end]:
                return Entity(start, end, label)
    raise ConfigurationError(
        f"{where}: the entity {json.dumps(entity, ensure_ascii=False)[:100]} does not fit its text; expected "
        '"start" and "end" as character offsets into "text", and a "label".'
    )
