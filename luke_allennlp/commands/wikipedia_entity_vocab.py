"""
The `wikipedia-entity-vocab` subcommand makes an entity vocabulary of the pages that most links of Wikipedia
lead to.
"""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides

from luke_allennlp.wikipedia.executor_arguments import add_executor_arguments, executor_from_args


@Subcommand.register("wikipedia-entity-vocab")
class WikipediaEntityVocab(Subcommand):
    """
    Registered as a `Subcommand` with name "wikipedia-entity-vocab".

    Makes an entity vocabulary of extracted pages.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = """Make an entity vocabulary: special entities, then the articles that most links of
        Wikipedia lead to. Pages of several languages make one vocabulary, in which articles about the same
        thing are one entity. If it is interrupted, the same command goes on where it was."""
        subparser = parser.add_parser(
            self.name, description=description, help="Make an entity vocabulary of Wikipedia."
        )
        subparser.add_argument(
            "pages", type=str, nargs="+", metavar="PAGES", help="what `allennlp wikipedia-extract` made"
        )
        subparser.add_argument(
            "output",
            type=str,
            metavar="OUT",
            help="the file to write: .tsv, or .jsonl, which has languages too",
        )
        subparser.add_argument(
            "--vocab-size",
            type=int,
            default=500_000,
            metavar="N",
            help="entities, the special ones among them (default: 500000)",
        )
        subparser.add_argument(
            "--min-count", type=int, default=1, metavar="N", help="links to an entity (default: 1)"
        )
        subparser.add_argument(
            "--white-list",
            type=str,
            metavar="FILE",
            help="titles, one a line, that come first if there is a link to them",
        )
        subparser.add_argument("--white-list-only", action="store_true", help="take no others")
        subparser.add_argument(
            "--language", type=str, metavar="CODE", help="of one wiki's titles, in .jsonl (default: none)"
        )
        subparser.add_argument(
            "--mask2",
            action="store_true",
            help="have [MASK2] too, as the published vocabularies; an export adds it where it is missing",
        )
        subparser.add_argument(
            "--without-disambiguation", action="store_true", help="leave disambiguation pages out"
        )
        subparser.add_argument(
            "--missing-pages",
            action="store_true",
            help="take titles too that are linked but have no page: for a part of a dump",
        )
        subparser.add_argument(
            "--interlanguage",
            type=str,
            metavar="FILE",
            help="for several languages: language, title and item of Wikidata (Q42) in each line, with tabs "
            "between; may be .gz",
        )
        subparser.add_argument(
            "--min-num-languages",
            type=int,
            default=3,
            metavar="N",
            help="for several languages: in how many an entity is linked (default: 3)",
        )
        subparser.add_argument("-f", "--force", action="store_true", help="replace the file if it is there")
        add_executor_arguments(subparser)
        subparser.set_defaults(func=entity_vocab_from_args)
        return subparser


def entity_vocab_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    # All subcommands are imported whenever `allennlp` starts.
    from pathlib import Path

    from luke_allennlp.entity_vocabulary import EntityVocabulary
    from luke_allennlp.wikipedia.jobs import submitted
    from luke_allennlp.wikipedia.vocabulary import VocabularyOptions, build_vocabulary

    options = VocabularyOptions(
        size=args.vocab_size,
        min_count=args.min_count,
        white_list=args.white_list,
        white_list_only=args.white_list_only,
        language=args.language,
        mask2=args.mask2,
        without_disambiguation=args.without_disambiguation,
        missing_pages=args.missing_pages,
        interlanguage=args.interlanguage,
        min_num_languages=args.min_num_languages,
    )
    try:
        done = build_vocabulary(args.pages, args.output, options, executor_from_args(args), args.force)
        if done:
            vocabulary = EntityVocabulary.from_file(args.output)
            print(f"{vocabulary.num_ids:,} entities in {args.output}")
        else:
            print(submitted(Path(args.output)))
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp wikipedia-entity-vocab: {error}")
