"""A link database of Wikipedia for the entity linker "article_links" (docs/link_database.md)."""

import argparse

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.commands.base import JobCommand, add_force, add_release
from luke_allennlp.wikipedia.executors import Executor


@Subcommand.register("wikipedia-link-db")
class WikipediaLinkDb(JobCommand):
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

    @overrides
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "paths",
            nargs="+",
            metavar="PAGES MENTIONS OUT",
            help="output of `allennlp wikipedia-extract`, output of `allennlp wikipedia-mention-db` on that, "
            "and the directory to make",
        )
        add_release(parser, "enwiki_20160305.pkl")
        add_force(parser)
        super().add_arguments(parser)

    @overrides
    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        *sources, args.output = args.paths
        if args.from_release:
            from luke_allennlp.wikipedia.release import links_from_release

            if len(sources) != 1:
                raise ConfigurationError(f"--from-release takes FILE and OUT, found {len(args.paths)} paths.")
            links_from_release(sources[0], args.output, args.force)
            return True
        from luke_allennlp.wikipedia.links import build_link_database

        if len(sources) != 2:
            raise ConfigurationError(f"expected PAGES, MENTIONS and OUT, found {len(args.paths)} paths.")
        return build_link_database(sources[0], sources[1], args.output, executor, args.force)

    @overrides
    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.linking.link_database import LinkDatabase

        database = LinkDatabase(args.output)
        return f"{database.link_count:,} links of {len(database):,} pages in {args.output}"
