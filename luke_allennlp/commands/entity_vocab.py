"""
The `entity-vocab` subcommand looks entities up in a vocabulary, says what is in it, and converts it from one
form to another.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.entity_vocabulary import EntityVocabulary, full_name

_SUFFIXES = (".json", ".tsv", ".jsonl")


@Subcommand.register("entity-vocab")
class EntityVocab(Subcommand):
    """
    Registered as a `Subcommand` with name "entity-vocab".

    Looks entities up by title or id, and converts entity vocabularies.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Look entities up in LUKE's entity vocabulary, or convert it from one form to another.
        Without a title, --id and --output, it says what is in it. The exit status is 1 if one of the entities
        is not there."""
        subparser = parser.add_parser(
            self.name, description=description, help="Look entities up, and convert entity vocabularies."
        )
        subparser.add_argument(
            "vocabulary",
            type=str,
            metavar="VOCAB",
            help="an entity vocabulary (.json, .tsv or .jsonl), or a checkpoint that has one: a directory or "
            "a hub id",
        )
        subparser.add_argument(
            "titles",
            type=str,
            nargs="*",
            metavar="TITLE",
            help="the title of an entity, or its name with a language (en:Japan)",
        )
        subparser.add_argument(
            "--id",
            type=int,
            action="append",
            default=[],
            metavar="N",
            dest="ids",
            help="an id to look up; may be given several times",
        )
        subparser.add_argument(
            "--language",
            type=str,
            default=None,
            metavar="CODE",
            help="the language of the titles, such as en",
        )
        subparser.add_argument(
            "--multilingual",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="whether the names of a .json begin with a language (found out by itself otherwise)",
        )
        subparser.add_argument(
            "--output",
            type=str,
            default=None,
            metavar="FILE",
            help="write the vocabulary there, in the form that the suffix tells: .json, .tsv or .jsonl",
        )
        subparser.add_argument(
            "-f", "--force", action="store_true", help="overwrite the --output file if it exists"
        )
        subparser.set_defaults(func=entity_vocab_from_args)
        return subparser


def entity_vocab_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong with the input ends it with one sentence on standard error.
    """
    try:
        missing = entity_vocab(
            args.vocabulary,
            args.titles,
            ids=args.ids,
            language=args.language,
            multilingual=args.multilingual,
            output=args.output,
            force=args.force,
        )
    except ConfigurationError as error:
        sys.exit(f"allennlp entity-vocab: {error}")
    except BrokenPipeError:
        # The reader, `head` say, has seen enough. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if missing:
        sys.stdout.flush()
        sys.exit("\n".join(f"allennlp entity-vocab: {message}" for message in missing))


def entity_vocab(
    vocabulary: str,
    titles: Sequence[str] = (),
    *,
    ids: Sequence[int] = (),
    language: Optional[str] = None,
    multilingual: Optional[bool] = None,
    output: Optional[str] = None,
    force: bool = False,
) -> List[str]:
    """
    Prints what the vocabulary says of some entities, and writes it in another form. Given nothing to do, it
    prints what is in the vocabulary.

    # Parameters

    vocabulary : `str`
        The path of a file, or a checkpoint: a directory or hub id.
    titles : `Sequence[str]`, optional (default = `()`)
        Titles, or names with a language.
    ids : `Sequence[int]`, optional (default = `()`)
    language : `str`, optional (default = `None`)
        Of the titles.
    multilingual : `bool`, optional (default = `None`)
        Whether the names of a `.json` begin with a language.
    output : `str`, optional (default = `None`)
        The file to write.
    force : `bool`, optional (default = `False`)
        Whether to overwrite it.

    # Returns

    `List[str]`
        What is to be said of each entity that is not there.
    """
    if output is not None and Path(output).expanduser().exists() and not force:
        raise ConfigurationError(f"{output}: is there already; give another --output, or --force.")
    if language is not None and not titles:
        raise ConfigurationError("--language is that of titles; give one, or leave it out.")
    entities = _read(vocabulary, multilingual)
    if language is not None and entities.languages and language not in entities.languages:
        raise ConfigurationError(
            f"There is no language {language!r} in {entities.source}; it has {', '.join(entities.languages)}."
        )
    missing: List[str] = []
    for title in titles:
        found = _find(entities, title, language)
        for index, name in found:
            others = [other for other in map(_name, entities.titles(index)) if other != name]
            print("; ".join([f"{_printable(name)}: {_describe(entities, index)}", *_also(others)]))
        if not found:
            missing.append(entities.describe_unknown(title, language))
    for index in ids:
        try:
            names = ", ".join(_printable(_name(pair)) for pair in entities.titles(index))
        except ConfigurationError as error:
            missing.append(str(error))
        else:
            print(f"{_describe(entities, index)}: {names}")
    if output is not None:
        entities.save(output)
        print(f"Wrote {output}: {len(entities):,} names.")
        if entities.has_counts and Path(output).suffix == ".json":
            print("Their counts are left out: .json has no place for them.")
    elif not titles and not ids:
        _print_summary(entities)
    return missing


def _read(vocabulary: str, multilingual: Optional[bool]) -> EntityVocabulary:
    path = Path(vocabulary).expanduser()
    if path.suffix in _SUFFIXES and not path.is_dir():
        return EntityVocabulary.from_file(path, multilingual)
    return EntityVocabulary.from_checkpoint(vocabulary, multilingual)


def _find(entities: EntityVocabulary, title: str, language: Optional[str]) -> List[Tuple[int, str]]:
    index = entities.get(title, language)
    if index is not None:
        own = [name for name in map(_name, entities.titles(index)) if name == title]
        return [(index, own[0] if own else full_name(title, language if entities.languages else None))]
    if language is not None:
        return []
    return [(index, full_name(title, tag)) for index, tag in entities.search(title)]


def _name(pair: Tuple[str, Optional[str]]) -> str:
    return full_name(*pair)


def _describe(entities: EntityVocabulary, index: int) -> str:
    return f"id {index}" + (f", count {entities.count(index)}" if entities.has_counts else "")


def _also(others: Sequence[str]) -> List[str]:
    return [f"also {', '.join(map(_printable, dict.fromkeys(others)))}"] if others else []


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
