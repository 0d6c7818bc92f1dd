"""Pages of Wikipedia as sequences of tokens with entities, to pretrain LUKE on."""

import argparse
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from luke_allennlp.commands.base import Command, add_force, add_number, add_switch
from luke_allennlp.wikipedia.executors import add_executor_arguments, executor_from_args


@Subcommand.register("pretraining-dataset")
class PretrainingDatasetCommand(Command):
    """
    Registered as a `Subcommand` with name "pretraining-dataset".

    Makes a dataset for pretraining.
    """

    help = "Make a dataset to pretrain LUKE on."
    description = """Make sequences of tokens with entities from the pages of `allennlp wikipedia-extract`,
    shuffled, to pretrain LUKE on. An interrupted command resumes when it is started again with the same input
    and options."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "pages",
            nargs="+",
            metavar="PAGES",
            help="directories of `allennlp wikipedia-extract`: one, or one per language",
        )
        parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the directory to make")
        parser.add_argument(
            "--tokenizer",
            required=True,
            metavar="MODEL",
            help="the checkpoint to start from (RoBERTa, XLM-R, BERT or LUKE): a directory or a hub id",
        )
        parser.add_argument(
            "--entity-vocab",
            required=True,
            metavar="FILE",
            help="of `allennlp wikipedia-entity-vocab`, or of a checkpoint: a file, a directory or a hub id",
        )
        add_force(parser, "replace an existing dataset, or an unfinished one with other options")
        _add_sequence_arguments(parser.add_argument_group("sequences"))
        _add_shard_arguments(parser.add_argument_group("files and order"))
        add_executor_arguments(parser)

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.pretraining.dataset import PretrainingDataset
        from luke_allennlp.wikipedia.dataset_builder import build_dataset
        from luke_allennlp.wikipedia.dataset_plan import dataset_plan
        from luke_allennlp.wikipedia.jobs import submitted
        from luke_allennlp.wikipedia.sequences import SequenceOptions

        output = Path(args.output)
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


def _add_sequence_arguments(group: argparse._ArgumentGroup) -> None:
    add_number(group, "--max-length", 512, "most tokens of a sequence, start and end included")
    add_number(group, "--max-entities", 128, "most entities of a sequence; the rest is dropped")
    add_number(group, "--max-mention-length", 30, "most tokens of a mention; the rest is ignored")
    add_number(group, "--min-sentence-length", 5, "fewest tokens of a sentence; shorter ones are dropped")
    add_switch(group, "--include-sentences-without-entities", False, "keep sequences without entities")
    add_switch(
        group,
        "--include-unk-entities",
        False,
        "keep links to what is not in the entity vocabulary as [UNK] entities, as the published LUKE was "
        "trained",
    )
    group.add_argument(
        "--abstract-only", action="store_true", help="take only what precedes a page's first heading"
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
        help="of the pages, as the entity vocabulary calls it, once per PAGES (default: what the dump says)",
    )


def _add_shard_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--held-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help='share of the pages that go to the split "validation", such as 0.01; at least one page',
    )
    number = group.add_mutually_exclusive_group()
    number.add_argument("--shards", type=int, metavar="N", help='number of files of the split "train"')
    add_number(number, "--shard-sequences", 16384, "approximate number of sequences per file")
    add_number(group, "--seed", 0, "of the order, and of which pages are held out")
