"""JSON lines of links or redirects as a directory for the entity linker "article_links"."""

import argparse

from allennlp.commands.subcommand import Subcommand

from luke_allennlp.commands.base import Command, add_force


@Subcommand.register("build-link-database")
class BuildLinkDatabase(Command):
    """
    Registered as a `Subcommand` with name "build-link-database".

    Builds what the entity linker of extractive QA reads.
    """

    help = "Build a link database for extractive QA."
    description = "Build a link database, or redirects, for the entity linker of extractive QA."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "input",
            metavar="FILE",
            help='JSON lines: {"title": "Page", "links": [["text", "Other page", 0.4], ..]}; for redirects, '
            '{"title": "Old title", "target": "Page"}',
        )
        parser.add_argument("output", metavar="DIRECTORY", help="the directory to make")
        parser.add_argument(
            "--kind",
            choices=("links", "redirects"),
            default="links",
            help="what the input holds (default: links)",
        )
        add_force(parser)

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.linking.link_database import LinkDatabase
        from luke_allennlp.linking.redirects import Redirects

        if args.kind == "redirects":
            redirects = Redirects.from_json_lines(args.input, args.output, args.force)
            print(f"{len(redirects):,} redirects in {args.output}")
        else:
            database = LinkDatabase.from_json_lines(args.input, args.output, args.force)
            print(f"{database.link_count:,} links of {len(database):,} pages in {args.output}")
