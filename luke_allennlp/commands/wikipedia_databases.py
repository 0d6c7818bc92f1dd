"""Redirects, mention databases and link databases of Wikipedia (docs/link_database.md)."""

import argparse
from typing import ClassVar

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import JobCommand, add_force, add_number
from luke_allennlp.wikipedia.executors import Executor


class DatabaseCommand(JobCommand):
    """Makes a directory from extracted pages, or from a file of LUKE's original release."""

    release_file: ClassVar[str]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        self.add_paths(parser)
        parser.add_argument(
            "--from-release",
            action="store_true",
            help=f"convert a file of LUKE's original release, such as {self.release_file}, instead of "
            "extracted pages",
        )
        self.add_numbers(parser)
        add_force(parser)
        super().add_arguments(parser)

    def add_paths(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("source", metavar="PAGES", help="output of `allennlp wikipedia-extract`")
        parser.add_argument("output", metavar="OUT", help="the directory to make")

    def add_numbers(self, parser: argparse.ArgumentParser) -> None:
        pass


@Subcommand.register("wikipedia-redirects")
class WikipediaRedirects(DatabaseCommand):
    """
    Registered as a `Subcommand` with name "wikipedia-redirects".

    Writes the redirects of extracted pages.
    """

    help = "Write Wikipedia's redirects for extractive QA."
    description = """Write where the redirects of Wikipedia lead, followed to the end, for the entity linker
    of extractive QA. An interrupted command resumes where it stopped."""
    release_file = "enwiki_20181220_redirects.pkl"

    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        if args.from_release:
            from luke_allennlp.wikipedia.release import redirects_from_release

            redirects_from_release(args.source, args.output, args.force)
            return True
        from luke_allennlp.wikipedia.redirects import build_redirects

        return build_redirects(args.source, args.output, executor, args.force)

    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.linking.redirects import Redirects

        return f"{len(Redirects(args.output)):,} redirects in {args.output}"


@Subcommand.register("wikipedia-mention-db")
class WikipediaMentionDb(DatabaseCommand):
    """
    Registered as a `Subcommand` with name "wikipedia-mention-db".

    Makes a mention database of extracted pages.
    """

    help = "Make a database of names of Wikipedia's pages."
    description = """Make a database of the names that links of Wikipedia are on: where they lead, how often,
    and in how many pages the names occur. An interrupted command resumes where it stopped."""
    release_file = "enwiki_20160305_mention_lp0.0.pkl (the options of counting have no effect)"

    def add_numbers(self, parser: argparse.ArgumentParser) -> None:
        add_number(parser, "--min-link-prob", 0.01, "fewest links on a name, by pages that have it")
        add_number(parser, "--max-mention-words", 20, "longest name, in words")
        add_number(parser, "--top", 100, "most titles of a name")
        add_number(parser, "--min-link-count", 1, "fewest links of a name to a title")

    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        if args.from_release:
            from luke_allennlp.wikipedia.release import mentions_from_release

            mentions_from_release(args.source, args.output, args.force)
            return True
        from luke_allennlp.wikipedia.mention_counts import MentionOptions, build_mention_database

        options = MentionOptions(args.min_link_prob, args.max_mention_words, args.top, args.min_link_count)
        return build_mention_database(args.source, args.output, options, executor, args.force)

    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.linking.mention_database import MentionDatabase

        database = MentionDatabase(args.output)
        return f"{len(database):,} names with {database.mention_count:,} titles in {args.output}"


@Subcommand.register("wikipedia-link-db")
class WikipediaLinkDb(DatabaseCommand):
    """
    Registered as a `Subcommand` with name "wikipedia-link-db".

    Makes a link database of extracted pages.
    """

    help = "Make a link database of Wikipedia for extractive QA."
    description = """Make a database of the links of each page of Wikipedia, for the entity linker of
    extractive QA. An interrupted command resumes where it stopped."""
    usage = (
        "allennlp wikipedia-link-db [options] PAGES MENTIONS OUT\n"
        "       allennlp wikipedia-link-db [options] --from-release FILE OUT"
    )
    release_file = "enwiki_20160305.pkl"

    def add_paths(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PAGES MENTIONS OUT",
            help="output of `allennlp wikipedia-extract`, output of `allennlp wikipedia-mention-db` on that, "
            "and the directory to make",
        )

    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        *sources, args.output = args.paths
        if len(sources) != (1 if args.from_release else 2):
            expected = "--from-release takes FILE" if args.from_release else "expected PAGES, MENTIONS"
            raise ConfigurationError(f"{expected} and OUT, found {len(args.paths)} paths.")
        if args.from_release:
            from luke_allennlp.wikipedia.release import links_from_release

            links_from_release(sources[0], args.output, args.force)
            return True
        from luke_allennlp.wikipedia.links import build_link_database

        return build_link_database(sources[0], sources[1], args.output, executor, args.force)

    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.linking.link_database import LinkDatabase

        database = LinkDatabase(args.output)
        return f"{database.link_count:,} links of {len(database):,} pages in {args.output}"
