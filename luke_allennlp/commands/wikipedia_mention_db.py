"""The names that links of Wikipedia are on: where they lead, and how often they occur."""

import argparse

from allennlp.commands.subcommand import Subcommand
from overrides import overrides

from luke_allennlp.commands.base import JobCommand, add_force, add_number, add_pages_and_output, add_release
from luke_allennlp.wikipedia.executors import Executor


@Subcommand.register("wikipedia-mention-db")
class WikipediaMentionDb(JobCommand):
    """
    Registered as a `Subcommand` with name "wikipedia-mention-db".

    Makes a mention database of extracted pages.
    """

    help = "Make a database of names of Wikipedia's pages."
    description = """Make a database of the names that links of Wikipedia are on: where they lead, how often,
    and in how many pages the names occur. An interrupted command resumes where it stopped."""

    @overrides
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_pages_and_output(parser)
        add_release(parser, "enwiki_20160305_mention_lp0.0.pkl (the options of counting have no effect)")
        add_number(parser, "--min-link-prob", 0.01, "fewest links on a name, by pages that have it")
        add_number(parser, "--max-mention-words", 20, "longest name, in words")
        add_number(parser, "--top", 100, "most titles of a name")
        add_number(parser, "--min-link-count", 1, "fewest links of a name to a title")
        add_force(parser)
        super().add_arguments(parser)

    @overrides
    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        if args.from_release:
            from luke_allennlp.wikipedia.release import mentions_from_release

            mentions_from_release(args.source, args.output, args.force)
            return True
        from luke_allennlp.wikipedia.mention_counts import MentionOptions, build_mention_database

        options = MentionOptions(args.min_link_prob, args.max_mention_words, args.top, args.min_link_count)
        return build_mention_database(args.source, args.output, options, executor, args.force)

    @overrides
    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.linking.mention_database import MentionDatabase

        database = MentionDatabase(args.output)
        return f"{len(database):,} names with {database.mention_count:,} titles in {args.output}"
