"""
The `wikipedia-link-db` subcommand makes a link database of Wikipedia, for the entity linker "article_links"
of extractive QA (docs/link_database.md).
"""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.wikipedia.executor_arguments import add_database_arguments, executor_from_args


@Subcommand.register("wikipedia-link-db")
class WikipediaLinkDb(Subcommand):
    """
    Registered as a `Subcommand` with name "wikipedia-link-db".

    Makes a link database of extracted pages.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Make a database of the links of each page of Wikipedia, for the entity linker of
        extractive QA. If it is interrupted, the same command goes on where it was."""
        subparser = parser.add_parser(
            self.name,
            description=description,
            help="Make a link database of Wikipedia for extractive QA.",
            usage="allennlp wikipedia-link-db [options] PAGES MENTIONS OUT\n"
            "       allennlp wikipedia-link-db [options] --from-release FILE OUT",
        )
        subparser.add_argument(
            "paths",
            type=str,
            nargs="+",
            metavar="PAGES MENTIONS OUT",
            help="what `allennlp wikipedia-extract` made, what `allennlp wikipedia-mention-db` made of that, "
            "and the directory to make",
        )
        subparser.add_argument(
            "--from-release",
            action="store_true",
            help="convert a file of LUKE's original release, such as enwiki_20160305.pkl: give it and OUT",
        )
        add_database_arguments(subparser)
        subparser.set_defaults(func=link_db_from_args)
        return subparser


def link_db_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    # All subcommands are imported whenever `allennlp` starts.
    from pathlib import Path

    from luke_allennlp.linking.link_database import LinkDatabase
    from luke_allennlp.wikipedia.jobs import submitted
    from luke_allennlp.wikipedia.links import build_link_database
    from luke_allennlp.wikipedia.release import links_from_release

    try:
        *sources, output = args.paths
        if args.from_release:
            if len(sources) != 1:
                raise ConfigurationError(f"--from-release takes FILE and OUT, found {len(args.paths)} paths.")
            links_from_release(sources[0], output, args.force)
        elif len(sources) != 2:
            raise ConfigurationError(f"expected PAGES, MENTIONS and OUT, found {len(args.paths)} paths.")
        elif not build_link_database(sources[0], sources[1], output, executor_from_args(args), args.force):
            print(submitted(Path(output)))
            return
        database = LinkDatabase(output)
        print(f"{database.link_count:,} links of {len(database):,} pages in {output}")
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp wikipedia-link-db: {error}")
