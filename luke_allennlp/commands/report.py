"""A page about one run or several."""

import argparse
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import Command, add_number, add_switch


@Subcommand.register("report")
class Report(Command):
    """
    Registered as a `Subcommand` with name "report".

    Writes one self-contained page of HTML about one run or several: curves, scores, confusion, calibration,
    the worst mistakes.
    """

    requires_plugins = True

    help = "Write a page about one run or several."
    description = (
        "Write one page of HTML, which loads nothing, about one run or several: curves, scores, confusion, "
        "calibration, the worst mistakes, time, environment and config. For runs that differ in seeds alone "
        "it has means and deviations, for two runs their differences."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "directories",
            nargs="+",
            metavar="DIR",
            help="directory of a run, as given to `allennlp train -s`",
        )
        parser.add_argument(
            "-o",
            "--output",
            default="report.html",
            metavar="FILE",
            help="page to write (default: report.html)",
        )
        parser.add_argument(
            "--split",
            choices=("validation", "test"),
            default="validation",
            help="whose data, by each run's config, is predicted (default: validation)",
        )
        parser.add_argument("--data", metavar="FILE", help="labelled data to predict instead")
        add_switch(parser, "--predictions", True, "whether the archived models predict")
        add_number(parser, "--max-mistakes", 50, "the most wrong examples of a run to show")
        parser.add_argument(
            "--cuda-device",
            type=int,
            metavar="N",
            help="the GPU to use, -1 for the CPU (default: the first GPU if there is one)",
        )

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.common.files import write_text
        from luke_allennlp.report.page import Options, make_page

        if args.max_mistakes < 0:
            raise ConfigurationError(f"--max-mistakes is {args.max_mistakes}; expected 0 or more.")
        if Path(args.output).is_dir():
            raise ConfigurationError(f"--output {args.output} is a directory; expected the name of a file.")
        options = Options(
            split=args.split,
            data=args.data,
            predictions=args.predictions,
            max_mistakes=args.max_mistakes,
            cuda_device=args.cuda_device,
        )
        page = make_page(args.directories, options)
        write_text(Path(args.output), page)
        print(f"{args.output}: {len(page.encode('utf-8')) / 1e6:.1f} MB; open it in a browser.")
