"""Where the redirects of Wikipedia lead (docs/link_database.md)."""

import argparse

from allennlp.commands.subcommand import Subcommand
from overrides import overrides

from luke_allennlp.commands.base import JobCommand, add_force, add_pages_and_output, add_release
from luke_allennlp.wikipedia.executors import Executor


@Subcommand.register("wikipedia-redirects")
class WikipediaRedirects(JobCommand):
    """
    Registered as a `Subcommand` with name "wikipedia-redirects".

    Writes the redirects of extracted pages.
    """

    help = "Write Wikipedia's redirects for extractive QA."
    description = """Write where the redirects of Wikipedia lead, followed to the end, for the entity linker
    of extractive QA. An interrupted command resumes where it stopped."""

    @overrides
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_pages_and_output(parser)
        add_release(parser, "enwiki_20181220_redirects.pkl")
        add_force(parser)
        super().add_arguments(parser)

    @overrides
    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        if args.from_release:
            from luke_allennlp.wikipedia.release import redirects_from_release

            redirects_from_release(args.source, args.output, args.force)
            return True
        from luke_allennlp.wikipedia.redirects import build_redirects

        return build_redirects(args.source, args.output, executor, args.force)

    @overrides
    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.linking.redirects import Redirects

        return f"{len(Redirects(args.output)):,} redirects in {args.output}"
