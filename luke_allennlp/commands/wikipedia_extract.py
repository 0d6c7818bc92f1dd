"""
The `wikipedia-extract` subcommand reads a dump of Wikipedia and writes its pages as plain text with links, of
which the vocabularies, databases and pretraining data are made (docs/pretraining.md).
"""

import argparse
import sys
from typing import Any, List, Mapping

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.wikipedia.executor_arguments import add_executor_arguments, executor_from_args
from luke_allennlp.wikipedia.extraction import extract, is_complete, parse_size
from luke_allennlp.wikipedia.extraction_tasks import ExtractionOptions
from luke_allennlp.wikipedia.guarded_pool import Limits


@Subcommand.register("wikipedia-extract")
class WikipediaExtract(Subcommand):
    """
    Registered as a `Subcommand` with name "wikipedia-extract".

    Makes Parquet files of pages, with the links in their paragraphs, of a dump.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Extract pages as plain text with links from a dump of Wikipedia (pages-articles.xml,
        bz2, gz or plain). An interrupted extraction resumes where it stopped when the command is repeated."""
        subparser = parser.add_parser(
            self.name, description=description, help="Extract pages with links from a dump of Wikipedia."
        )
        subparser.add_argument(
            "dumps", nargs="+", metavar="DUMP", help="the files of the dump of one wiki, in their order"
        )
        subparser.add_argument(
            "-o", "--output", required=True, metavar="DIRECTORY", help="the directory to make"
        )
        subparser.add_argument(
            "--namespaces",
            default="0",
            metavar="N,..",
            help="the numbers of the namespaces whose pages are wanted, such as 0,14 (default: 0, articles)",
        )
        subparser.add_argument(
            "--link-trail",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="whether letters right after a link belong to it, as in [[bus]]es (default: they do)",
        )
        subparser.add_argument(
            "--part-size",
            default=None,
            metavar="SIZE",
            help="of what a task reads, such as 500K or 64M (default: 1M to 16M, by the dump's size)",
        )
        subparser.add_argument(
            "--page-seconds",
            type=float,
            default=60.0,
            metavar="N",
            help="a page that takes longer is left out and listed (default: 60)",
        )
        subparser.add_argument(
            "--page-memory-mb",
            type=int,
            default=2048,
            metavar="N",
            help="a page that takes more memory is left out and listed (default: 2048)",
        )
        subparser.add_argument(
            "-f",
            "--force",
            action="store_true",
            help="replace what was begun in the directory with other dumps or options",
        )
        add_executor_arguments(subparser)
        subparser.set_defaults(func=extract_from_args)
        return subparser


def extract_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    try:
        options, executor = _options(args), executor_from_args(args)
        complete = is_complete(args.output)
        metadata = extract(args.dumps, args.output, options, executor, args.force)
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp wikipedia-extract: {error}")
    if metadata is None:
        print(f"The jobs are submitted; {args.output} is complete when it has a metadata.json.")
    else:
        if complete and not args.force:
            print(f"{args.output} is complete already.")
        print("\n".join(_summary(metadata["counts"], args.output)))


def _options(args: argparse.Namespace) -> ExtractionOptions:
    try:
        namespaces = tuple(sorted({int(number) for number in args.namespaces.split(",")}))
    except ValueError:
        raise ConfigurationError(
            f"--namespaces is {args.namespaces!r}; expected numbers with commas, such as 0,14."
        ) from None
    try:
        part_size = None if args.part_size is None else parse_size(args.part_size)
    except ValueError as error:
        raise ConfigurationError(f"--part-size: {error}.") from None
    for option, value in (("--page-seconds", args.page_seconds), ("--page-memory-mb", args.page_memory_mb)):
        if not value > 0:
            raise ConfigurationError(f"{option} is {value}; expected more than 0.")
    return ExtractionOptions(
        namespaces, args.link_trail, part_size, Limits(args.page_seconds, args.page_memory_mb)
    )


def _summary(counts: Mapping[str, Any], output: str) -> List[str]:
    pages, redirects, disambiguations, paragraphs, links = (
        _number(counts[f"{noun}s"], noun)
        for noun in ("page", "redirect", "disambiguation", "paragraph", "link")
    )
    lines = [
        f"{pages} in {output}, of which {redirects} and {disambiguations}; {paragraphs} with {links}",
    ]
    for name, noun, what in (
        ("dropped_links", "link", "not kept"),
        ("left_out", "page", "left out"),
        ("failures", "page", "failed, see failures.jsonl"),
    ):
        if counts[name]:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in counts[name].items())
            lines.append(f"{_number(sum(counts[name].values()), noun)} {what}: {kinds}")
    return lines


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
