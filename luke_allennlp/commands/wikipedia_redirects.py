"""
The `wikipedia-redirects` subcommand writes where the redirects of Wikipedia lead, for the entity linker
"article_links" of extractive QA (docs/link_database.md).
"""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.wikipedia.executor_arguments import add_database_arguments, executor_from_args


@Subcommand.register("wikipedia-redirects")
class WikipediaRedirects(Subcommand):
    """
    Registered as a `Subcommand` with name "wikipedia-redirects".

    Writes the redirects of extracted pages.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Write where the redirects of Wikipedia lead, followed to the end, for the entity
        linker of extractive QA. If it is interrupted, the same command goes on where it was."""
        subparser = parser.add_parser(
            self.name, description=description, help="Write Wikipedia's redirects for extractive QA."
        )
        subparser.add_argument(
            "source", type=str, metavar="PAGES", help="what `allennlp wikipedia-extract` made"
        )
        subparser.add_argument("output", type=str, metavar="OUT", help="the directory to make")
        subparser.add_argument(
            "--from-release",
            action="store_true",
            help="PAGES is a file of LUKE's original release, such as enwiki_20181220_redirects.pkl",
        )
        add_database_arguments(subparser)
        subparser.set_defaults(func=redirects_from_args)
        return subparser


def redirects_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    # All subcommands are imported whenever `allennlp` starts.
    from pathlib import Path

    from luke_allennlp.linking.redirects import Redirects
    from luke_allennlp.wikipedia.jobs import submitted
    from luke_allennlp.wikipedia.redirects import build_redirects
    from luke_allennlp.wikipedia.release import redirects_from_release

    try:
        if args.from_release:
            redirects_from_release(args.source, args.output, args.force)
        elif not build_redirects(args.source, args.output, executor_from_args(args), args.force):
            print(submitted(Path(args.output)))
            return
        print(f"{len(Redirects(args.output)):,} redirects in {args.output}")
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp wikipedia-redirects: {error}")
