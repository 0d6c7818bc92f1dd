"""A page to try a model in the browser."""

import argparse
import sys

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.base import Command, add_number


@Subcommand.register("demo")
class Demo(Command):
    """
    Registered as a `Subcommand` with name "demo".

    Serves a page on which one can enter the inputs of a model's task and look at what it predicts.
    """

    help = "Serve a page to try a model."
    description = "Serve a page to try a model in the browser, to this machine alone unless --host is given."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "model",
            metavar="ARCHIVE",
            help="the directory of a run, an archive (model.tar.gz), or a fine-tuned model in Hugging Face's "
            "form",
        )
        parser.add_argument(
            "--port", type=int, metavar="N", help="the port; by default the first free one from 7860"
        )
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            help="the address to listen at (default: 127.0.0.1); 0.0.0.0 is for every machine that reaches "
            "this one, without a password",
        )
        add_number(parser, "--max-length", 10_000, "the most characters of an input")
        parser.add_argument(
            "--device", help="such as cpu or cuda:1 (default: the first GPU, or the CPU if there is none)"
        )
        parser.add_argument("--open", action="store_true", help="open the page in the browser")

    def run(self, args: argparse.Namespace) -> None:
        from luke_allennlp.demo.task_page import gradio

        if args.max_length < 1:
            raise ConfigurationError(f"--max-length is {args.max_length}; expected 1 or more.")
        gradio()  # before the model is loaded, if it is missing
        from luke_allennlp.demo.page import build_page
        from luke_allennlp.demo.server import is_loopback, open_socket, serve
        from luke_allennlp.pipelines import load

        with open_socket(args.host, args.port) as listening:
            page = build_page(load(args.model, device=args.device), args.model, args.max_length)
            if not is_loopback(args.host):
                print(
                    f"Warning: whoever reaches {args.host} can use this page and the time of this machine: "
                    "it has no password.",
                    file=sys.stderr,
                )
            port = listening.getsockname()[1]
            host = f"[{args.host}]" if ":" in args.host else args.host
            url = f"http://{host}:{port}/"
            print(f"{args.model} is at {url} until Ctrl-C.", flush=True)
            if args.open:
                import webbrowser

                webbrowser.open(url)
            serve(page, listening)
        print("Stopped.")
