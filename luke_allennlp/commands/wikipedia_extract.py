"""A dump of Wikipedia as pages of plain text with links (docs/pretraining.md)."""

import argparse
from typing import TYPE_CHECKING, Any, List, Mapping

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import Command, add_force, add_number, add_switch
from luke_allennlp.wikipedia.executors import add_executor_arguments, executor_from_args

if TYPE_CHECKING:
    from luke_allennlp.wikipedia.extraction import ExtractionOptions


@Subcommand.register("wikipedia-extract")
class WikipediaExtract(Command):
    """
    Registered as a `Subcommand` with name "wikipedia-extract".

    Makes Parquet files of pages, with the links in their paragraphs, from a dump.
    """

    help = "Extract pages with links from a dump of Wikipedia."
    description = """Extract pages as plain text with links from a dump of Wikipedia (pages-articles.xml, bz2,
    gz or plain). An interrupted command resumes where it stopped."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("dumps", nargs="+", metavar="DUMP", help="the files of one wiki's dump, in order")
        parser.add_argument(
            "-o", "--output", required=True, metavar="DIRECTORY", help="the directory to make"
        )
        parser.add_argument(
            "--namespaces",
            default="0",
            metavar="N,..",
            help="numbers of the namespaces to extract, such as 0,14 (default: 0, articles)",
        )
        add_switch(
            parser,
            "--link-trail",
            True,
            "whether letters right after a link belong to it, as in [[bus]]es (default: they do)",
        )
        parser.add_argument(
            "--part-size",
            metavar="SIZE",
            help="how much a task reads, such as 500K or 64M (default: 1M to 16M, by the dump's size)",
        )
        add_number(parser, "--page-seconds", 60.0, "skip and list a page that takes longer")
        add_number(parser, "--page-memory-mb", 2048, "skip and list a page that takes more memory")
        add_force(parser, "replace what was begun in the directory with other dumps or options")
        add_executor_arguments(parser)

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.wikipedia.extraction import extract, is_complete

        options, executor = _options(args), executor_from_args(args)
        complete = is_complete(args.output)
        metadata = extract(args.dumps, args.output, options, executor, args.force)
        if metadata is None:
            print(f"The jobs are submitted; {args.output} is complete when it has a metadata.json.")
            return
        if complete and not args.force:
            print(f"{args.output} is complete already.")
        print("\n".join(_summary(metadata["counts"], args.output)))


def _options(args: argparse.Namespace) -> "ExtractionOptions":
    from luke_allennlp.wikipedia.extraction import ExtractionOptions, parse_size
    from luke_allennlp.wikipedia.guarded_pool import Limits

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
    limits = Limits(args.page_seconds, args.page_memory_mb)
    for option, value in (("--page-seconds", limits.seconds), ("--page-memory-mb", limits.memory_mb)):
        if not value > 0:
            raise ConfigurationError(f"{option} is {value}; expected more than 0.")
    return ExtractionOptions(namespaces, args.link_trail, part_size, limits)


def _summary(counts: Mapping[str, Any], output: str) -> List[str]:
    pages, redirects, disambiguations, paragraphs, links = (
        _number(counts[f"{noun}s"], noun)
        for noun in ("page", "redirect", "disambiguation", "paragraph", "link")
    )
    lines = [f"{pages} in {output}, of which {redirects} and {disambiguations}; {paragraphs} with {links}"]
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
