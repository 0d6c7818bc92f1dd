"""Look-ups in an entity vocabulary, and its conversion."""

import argparse
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import Command, add_force, add_switch
from luke_allennlp.entity_vocabulary import EntityVocabulary, full_name


@Subcommand.register("entity-vocab")
class EntityVocab(Command):
    """
    Registered as a `Subcommand` with name "entity-vocab".

    Looks entities up by title or id, and converts entity vocabularies.
    """

    help = "Look entities up, and convert entity vocabularies."
    description = """Look entities up in LUKE's entity vocabulary, or convert it to another format. Without a
    title, --id and --output, it prints a summary. The exit status is 1 if one of the entities is not in the
    vocabulary."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "vocabulary",
            metavar="VOCAB",
            help="an entity vocabulary (.json, .tsv or .jsonl), or a checkpoint that has one: a directory or "
            "a hub id",
        )
        parser.add_argument(
            "titles",
            nargs="*",
            metavar="TITLE",
            help="the title of an entity, or its name with a language (en:Japan)",
        )
        parser.add_argument(
            "--id",
            type=int,
            action="append",
            default=[],
            metavar="N",
            dest="ids",
            help="an id to look up; may be given several times",
        )
        parser.add_argument("--language", metavar="CODE", help="the language of the titles, such as en")
        help = "whether the names of a .json begin with a language (default: detected automatically)"
        add_switch(parser, "--multilingual", None, help)
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="write the vocabulary there, in the format of the suffix: .json, .tsv or .jsonl",
        )
        add_force(parser, "overwrite the --output file if it exists")

    def run(self, args: argparse.Namespace) -> None:
        if args.output is not None and Path(args.output).expanduser().exists() and not args.force:
            raise ConfigurationError(f"{args.output}: is there already; give another --output, or --force.")
        if args.language is not None and not args.titles:
            raise ConfigurationError("--language is that of titles; give one, or omit it.")
        entities = _read(args.vocabulary, args.multilingual)
        languages = entities.languages
        if args.language is not None and languages and args.language not in languages:
            raise ConfigurationError(
                f"There is no language {args.language!r} in {entities.source}; it has {', '.join(languages)}."
            )
        missing = [*_print_titles(entities, args.titles, args.language), *_print_ids(entities, args.ids)]
        if args.output is not None:
            entities.save(args.output)
            print(f"Wrote {args.output}: {len(entities):,} names.")
            if entities.has_counts and Path(args.output).suffix == ".json":
                print("Their counts are left out: .json has no place for them.")
        elif not args.titles and not args.ids:
            _print_summary(entities)
        if missing:
            sys.stdout.flush()
            sys.exit("\n".join(f"allennlp: error: {message}" for message in missing))


def _read(vocabulary: str, multilingual: Optional[bool]) -> EntityVocabulary:
    path = Path(vocabulary).expanduser()
    if path.suffix in (".json", ".tsv", ".jsonl") and not path.is_dir():
        return EntityVocabulary.from_file(path, multilingual)
    return EntityVocabulary.from_checkpoint(vocabulary, multilingual)


def _print_titles(
    entities: EntityVocabulary, titles: Sequence[str], language: Optional[str]
) -> Iterator[str]:
    """Yields an error for each title that is not in the vocabulary."""
    for title in titles:
        found = _find(entities, title, language)
        for index, name in found:
            others = [_printable(other) for other in _names(entities, index) if other != name]
            also = f"; also {', '.join(dict.fromkeys(others))}" if others else ""
            print(f"{_printable(name)}: {_describe(entities, index)}{also}")
        if not found:
            yield entities.describe_unknown(title, language)


def _print_ids(entities: EntityVocabulary, ids: Sequence[int]) -> Iterator[str]:
    """Yields an error for each id that is not in the vocabulary."""
    for index in ids:
        try:
            names = ", ".join(map(_printable, _names(entities, index)))
        except ConfigurationError as error:
            yield str(error)
        else:
            print(f"{_describe(entities, index)}: {names}")


def _find(entities: EntityVocabulary, title: str, language: Optional[str]) -> List[Tuple[int, str]]:
    index = entities.get(title, language)
    if index is not None:
        if title in _names(entities, index):
            return [(index, title)]
        return [(index, full_name(title, language if entities.languages else None))]
    if language is not None:
        return []
    return [(index, full_name(title, tag)) for index, tag in entities.search(title)]


def _names(entities: EntityVocabulary, index: int) -> List[str]:
    return [full_name(*pair) for pair in entities.titles(index)]


def _describe(entities: EntityVocabulary, index: int) -> str:
    return f"id {index}" + (f", count {entities.count(index)}" if entities.has_counts else "")


def _printable(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _print_summary(entities: EntityVocabulary) -> None:
    special = [f"{_printable(name)} {index}" for name, index in entities.specials.items()]
    first = next(entities.entries(), (0,))[0]
    lines = {
        "ids": f"{entities.num_ids:,}, from {first} to {entities.table_size - 1}",
        "names": f"{len(entities):,}",
        "special": ", ".join(special) or "none",
        "languages": ", ".join(entities.languages) or "not told",
        "counts": "yes" if entities.has_counts else "not told",
    }
    for key, value in lines.items():
        print(f"{key:<10} {value}")
