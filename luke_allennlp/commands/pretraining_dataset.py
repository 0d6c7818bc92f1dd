"""
The `pretraining-dataset` subcommand turns pages of Wikipedia into sequences of sub-words with entities, to
pretrain LUKE on.
"""

import argparse
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from overrides import overrides


@Subcommand.register("pretraining-dataset")
class PretrainingDatasetCommand(Subcommand):
    """
    Registered as a `Subcommand` with name "pretraining-dataset".

    Makes a dataset for pretraining.
    """

    requires_plugins = False

    @overrides
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        from luke_allennlp.wikipedia.executor_arguments import add_executor_arguments

        description = """Make sequences of sub-words with entities out of the pages of
        `allennlp wikipedia-extract`, shuffled, to pretrain LUKE on. Started again with the same input and
        options, it goes on where it was stopped."""
        subparser = parser.add_parser(
            self.name, description=description, help="Make a dataset to pretrain LUKE on."
        )
        subparser.add_argument(
            "pages",
            nargs="+",
            metavar="PAGES",
            help="directories of `allennlp wikipedia-extract`: one, or one for each language",
        )
        subparser.add_argument("-o", "--output", required=True, metavar="DIR", help="the directory to make")
        subparser.add_argument(
            "--tokenizer",
            required=True,
            metavar="MODEL",
            help="the checkpoint to start from (RoBERTa, XLM-R, BERT or LUKE): a directory or a hub id",
        )
        subparser.add_argument(
            "--entity-vocab",
            required=True,
            metavar="FILE",
            help="of `allennlp wikipedia-entity-vocab`, or of a checkpoint: a file, a directory or a hub id",
        )
        subparser.add_argument(
            "-f",
            "--force",
            action="store_true",
            help="replace a dataset that is there, or an unfinished one of other options",
        )
        _add_sequence_arguments(subparser.add_argument_group("sequences"))
        _add_shard_arguments(subparser.add_argument_group("files and order"))
        add_executor_arguments(subparser)
        subparser.set_defaults(func=build_from_args)
        return subparser


def _add_sequence_arguments(group: argparse._ArgumentGroup) -> None:
    numbers = (
        ("--max-length", 512, "sub-words of a sequence, its start and end included"),
        ("--max-entities", 128, "entities of a sequence; those beyond are dropped"),
        ("--max-mention-length", 30, "sub-words of a mention; those beyond are no part of it"),
        ("--min-sentence-length", 5, "sub-words of a sentence; shorter ones are dropped"),
    )
    for name, default, text in numbers:
        group.add_argument(name, type=int, default=default, metavar="N", help=text)
    group.add_argument(
        "--include-sentences-without-entities",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="keep sequences without entities",
    )
    group.add_argument(
        "--include-unk-entities",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="links to what is not in the entity vocabulary are [UNK] entities, and not dropped: the "
        "published LUKE was trained so",
    )
    group.add_argument(
        "--abstract-only", action="store_true", help="take only what comes before a page's first heading"
    )
    group.add_argument(
        "--sentence-splitter",
        default="rule_based",
        metavar="NAME",
        help="rule_based, for all languages; or icu, which needs PyICU",
    )
    group.add_argument(
        "--language",
        action="append",
        default=[],
        metavar="CODE",
        dest="languages",
        help="of the pages, as the entity vocabulary calls it, once for each PAGES; if left out, what the "
        "dump says",
    )


def _add_shard_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--held-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help='the share of the pages that go to the split "validation", such as 0.01; at least one page',
    )
    number = group.add_mutually_exclusive_group()
    number.add_argument("--shards", type=int, metavar="N", help='files of the split "train"')
    number.add_argument(
        "--shard-sequences",
        type=int,
        default=16384,
        metavar="N",
        help="about so many sequences are in a file",
    )
    group.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the order, and of which pages are held out",
    )


def build_from_args(args: argparse.Namespace) -> None:
    """
    Runs the subcommand; what is wrong ends it with one sentence on standard error.
    """
    # All subcommands are imported whenever `allennlp` starts.
    from luke_allennlp.pretraining.dataset import PretrainingDataset
    from luke_allennlp.wikipedia.dataset_builder import build_dataset
    from luke_allennlp.wikipedia.dataset_plan import dataset_plan
    from luke_allennlp.wikipedia.executor_arguments import executor_from_args
    from luke_allennlp.wikipedia.jobs import submitted
    from luke_allennlp.wikipedia.sequences import SequenceOptions

    output = Path(args.output)
    try:
        executor = executor_from_args(args)
        plan = dataset_plan(
            args.pages,
            args.tokenizer,
            args.entity_vocab,
            args.languages,
            splitter=args.sentence_splitter,
            options=SequenceOptions(**{name: getattr(args, name) for name in SequenceOptions._fields}),
            seed=args.seed,
            held_out=args.held_out,
            shards=args.shards,
            shard_sequences=args.shard_sequences,
        )
        if not build_dataset(plan, output, executor, args.force):
            again = "" if args.shards else " Without --shards, start the same command again then."
            print(submitted(output) + again)
            return
        metadata = PretrainingDataset(str(output)).metadata
    except (ConfigurationError, OSError) as error:
        sys.exit(f"allennlp pretraining-dataset: {error}")
    if args.held_out and not metadata["counts"].get("pages_held_out"):
        print(
            f"{output}: nothing is held out in spite of --held-out {args.held_out}, as only one page has "
            "sequences; give more pages.",
            file=sys.stderr,
        )
    for name, split in metadata["splits"].items():
        print(
            f"{output}, {name}: {split['sequences']:,} sequences with {split['words']:,} sub-words and "
            f"{split['entities']:,} entities"
        )
