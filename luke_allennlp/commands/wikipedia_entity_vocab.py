"""An entity vocabulary of the pages that most links of Wikipedia lead to."""

import argparse

from allennlp.commands.subcommand import Subcommand

from luke_allennlp.commands.base import JobCommand, add_force, add_number
from luke_allennlp.wikipedia.executors import Executor


@Subcommand.register("wikipedia-entity-vocab")
class WikipediaEntityVocab(JobCommand):
    """
    Registered as a `Subcommand` with name "wikipedia-entity-vocab".

    Makes an entity vocabulary of extracted pages.
    """

    help = "Make an entity vocabulary of Wikipedia."
    description = """Make an entity vocabulary: special entities, then the articles that most links of
    Wikipedia lead to. Pages of several languages make one vocabulary, in which articles about the same thing
    are one entity. An interrupted command resumes where it stopped."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "pages", nargs="+", metavar="PAGES", help="output of `allennlp wikipedia-extract`"
        )
        parser.add_argument(
            "output", metavar="OUT", help="the file to write: .tsv, or .jsonl, which has languages too"
        )
        add_number(parser, "--vocab-size", 500_000, "number of entities, special ones included")
        add_number(parser, "--min-count", 1, "fewest links to an entity")
        parser.add_argument(
            "--white-list",
            metavar="FILE",
            help="titles, one per line, that come first if there is a link to them",
        )
        parser.add_argument("--white-list-only", action="store_true", help="take no others")
        parser.add_argument(
            "--language", metavar="CODE", help="of one wiki's titles, in .jsonl (default: none)"
        )
        parser.add_argument(
            "--mask2",
            action="store_true",
            help="add [MASK2], as in the published vocabularies; an export adds it where it is missing",
        )
        parser.add_argument("--without-disambiguation", action="store_true", help="omit disambiguation pages")
        parser.add_argument(
            "--missing-pages",
            action="store_true",
            help="include titles that are linked but have no page: for a part of a dump",
        )
        parser.add_argument(
            "--interlanguage",
            metavar="FILE",
            help="for several languages: tab-separated lines of language, title and Wikidata item (Q42); may "
            "be .gz",
        )
        add_number(
            parser, "--min-num-languages", 3, "for several languages: in how many an entity must be linked"
        )
        add_force(parser, "replace the file if it exists")
        super().add_arguments(parser)

    def build(self, args: argparse.Namespace, executor: Executor) -> bool:
        from luke_allennlp.wikipedia.vocabulary import VocabularyOptions, build_vocabulary

        values = {**vars(args), "size": args.vocab_size}
        options = VocabularyOptions(**{name: values[name] for name in VocabularyOptions._fields})
        return build_vocabulary(args.pages, args.output, options, executor, args.force)

    def summary(self, args: argparse.Namespace) -> str:
        from luke_allennlp.entity_vocabulary import EntityVocabulary

        return f"{EntityVocabulary.from_file(args.output).num_ids:,} entities in {args.output}"
