"""
The `build-link-database` subcommand turns JSON lines, of the links of pages or of redirects, into a directory
for the entity linker "article_links" of extractive QA (docs/link_database.md).
"""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides


@Subcommand.register("build-link-database")
class BuildLinkDatabase(Subcommand):
    """
    Registered as a `Subcommand` with name "build-link-database".

    Builds what the entity linker of extractive QA reads.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Build a link database, or redirects, for the entity linker of extractive QA."""
        subparser = parser.add_parser(
            self.name, description=description, help="Build a link database for extractive QA."
        )
        subparser.add_argument(
            "input",
            type=str,
            metavar="FILE",
            help='JSON lines: {"title": "Page", "links": [["text", "Other page", 0.4], ..]}; for redirects, '
            '{"title": "Old title", "target": "Page"}',
        )
        subparser.add_argument("output", type=str, metavar="DIRECTORY", help="the directory to make")
        subparser.add_argument(
            "--kind",
            choices=("links", "redirects"),
            default="links",
            help="what the input holds (default: links)",
        )
        subparser.add_argument(
            "-f",
            "--force",
            action="store_true",
            help="replace the output if it is there and of the same kind",
        )
        subparser.set_defaults(func=build_from_args)
        return subparser


def build_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    try:
        build(args.input, args.output, args.kind, args.force)
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp build-link-database: {error}")


def build(input_path: str, output_path: str, kind: str = "links", force: bool = False) -> None:
    """
    Builds a database and says what is in it.

    # Parameters

    input_path : `str`
        JSON lines.
    output_path : `str`
        The directory to make.
    kind : `str`, optional (default = `"links"`)
        "links" or "redirects".
    force : `bool`, optional (default = `False`)
        Whether to replace an output of the same kind.
    """
    # All subcommands are imported whenever `allennlp` starts.
    from luke_allennlp.linking.link_database import LinkDatabase
    from luke_allennlp.linking.redirects import Redirects

    if kind == "redirects":
        redirects = Redirects.from_json_lines(input_path, output_path, force)
        print(f"{len(redirects):,} redirects in {output_path}")
    else:
        database = LinkDatabase.from_json_lines(input_path, output_path, force)
        print(f"{database.link_count:,} links of {len(database):,} pages in {output_path}")
