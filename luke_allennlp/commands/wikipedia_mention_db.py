"""
The `wikipedia-mention-db` subcommand counts which names links of Wikipedia are on, where they lead, and in
how many pages the names stand.
"""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.wikipedia.executor_arguments import add_database_arguments, executor_from_args


@Subcommand.register("wikipedia-mention-db")
class WikipediaMentionDb(Subcommand):
    """
    Registered as a `Subcommand` with name "wikipedia-mention-db".

    Makes a mention database of extracted pages.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Make a database of the names that links of Wikipedia are on: where they lead, how
        often, and in how many pages the names stand. If it is interrupted, the same command goes on where it
        was."""
        subparser = parser.add_parser(
            self.name, description=description, help="Make a database of names of Wikipedia's pages."
        )
        subparser.add_argument(
            "source", type=str, metavar="PAGES", help="what `allennlp wikipedia-extract` made"
        )
        subparser.add_argument("output", type=str, metavar="OUT", help="the directory to make")
        subparser.add_argument(
            "--from-release",
            action="store_true",
            help="PAGES is a file of LUKE's original release, such as enwiki_20160305_mention_lp0.0.pkl; the "
            "options of counting have no effect",
        )
        subparser.add_argument(
            "--min-link-prob",
            type=float,
            default=0.01,
            metavar="P",
            help="links on a name by pages it stands in; rarer names are left out (default: 0.01)",
        )
        subparser.add_argument(
            "--max-mention-words",
            type=int,
            default=20,
            metavar="N",
            help="longer names are left out (default: 20)",
        )
        subparser.add_argument(
            "--top", type=int, default=100, metavar="N", help="titles a name leads to (default: 100)"
        )
        subparser.add_argument(
            "--min-link-count",
            type=int,
            default=1,
            metavar="N",
            help="links of a name to a title (default: 1)",
        )
        add_database_arguments(subparser)
        subparser.set_defaults(func=mention_db_from_args)
        return subparser


def mention_db_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    # All subcommands are imported whenever `allennlp` starts.
    from pathlib import Path

    from luke_allennlp.linking.mention_database import MentionDatabase
    from luke_allennlp.wikipedia.jobs import submitted
    from luke_allennlp.wikipedia.mention_counts import MentionOptions, build_mention_database
    from luke_allennlp.wikipedia.release import mentions_from_release

    options = MentionOptions(args.min_link_prob, args.max_mention_words, args.top, args.min_link_count)
    try:
        if args.from_release:
            mentions_from_release(args.source, args.output, args.force)
        elif not build_mention_database(
            args.source, args.output, options, executor_from_args(args), args.force
        ):
            print(submitted(Path(args.output)))
            return
        database = MentionDatabase(args.output)
        print(f"{len(database):,} names with {database.mention_count:,} titles in {args.output}")
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp wikipedia-mention-db: {error}")
