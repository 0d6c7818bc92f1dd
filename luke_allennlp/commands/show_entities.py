"""The entities that `allennlp predict` found with a `luke_ner` model, inside their texts."""

import argparse
import re
import sys
from collections import Counter
from itertools import islice
from typing import Iterable, Iterator, List, Tuple

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import Command
from luke_allennlp.common.entity_rendering import Entity, mark_label, render, wants_color
from luke_allennlp.common.records import Record, get_integer, get_objects, get_string, parse_object
from luke_allennlp.common.text_lines import read_lines


@Subcommand.register("show-entities")
class ShowEntities(Command):
    """
    Registered as a `Subcommand` with name "show-entities".

    Prints the predictions of a `luke_ner` model for people to read.
    """

    help = "Print predicted entities inside their texts."
    description = "Print texts with the entities that `allennlp predict` found in them, coloured by type."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "predictions",
            metavar="FILE",
            help="output of `allennlp predict` with a luke_ner model (JSON lines); - for standard input",
        )
        parser.add_argument(
            "--no-color",
            action="store_true",
            help="mark entities with brackets only, as where the output is no terminal or NO_COLOR is set "
            "(FORCE_COLOR=1 colours it anywhere)",
        )
        parser.add_argument("--limit", type=int, metavar="N", help="print only the first N texts")

    def run(self, args: argparse.Namespace) -> None:
        if args.limit is not None and args.limit < 1:
            raise ConfigurationError(f"--limit is {args.limit}; expected 1 or more.")
        color = not args.no_color and wants_color()
        counts: Counter = Counter()
        for text, entities in islice(read_predictions(args.predictions), args.limit):
            counts.update(entity.label for entity in entities)
            print(render(text, entities, color))
            if "\n" in text:
                print()
        labels = [f"{mark_label(label, color)} {count}" for label, count in sorted(counts.items())]
        print(f"\n{'  '.join(labels) if labels else 'No entities.'}")


def read_predictions(path: str) -> Iterator[Tuple[str, List[Entity]]]:
    """
    Reads the JSON lines that `allennlp predict` writes to its output file, or prints: texts and their
    entities, which may be nested or cross each other. Raises a `ConfigurationError` for another line.
    """
    lines: Iterable[Tuple[int, str]] = enumerate(sys.stdin, start=1) if path == "-" else read_lines(path)
    for number, line in lines:
        # The output of `allennlp predict`, when it is piped here, contains its inputs too.
        if not line.strip() or re.match(r"input \d+: ", line):
            continue
        where = f"{'standard input' if path == '-' else path}, line {number}"
        try:
            record = parse_object(line.removeprefix("prediction: "), where)
            text = get_string(record, "text", where)
            found = get_objects(record, "entities", where)
            entities = [_entity(item, text, place) for place, item in found]
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{error.message} Expected what `allennlp predict` writes with a luke_ner model."
            ) from None
        yield text, entities


def _entity(item: Record, text: str, where: str) -> Entity:
    start, end = get_integer(item, "start", where), get_integer(item, "end", where)
    is_in = 0 <= start < end <= len(text)
    if not is_in or get_string(item, "text", where, text[start:end]) != text[start:end]:
        raise ConfigurationError(f"{where}: start {start} and end {end} do not fit the text.")
    return Entity(start, end, get_string(item, "label", where))
