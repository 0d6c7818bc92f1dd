"""What starting `allennlp` imports, in processes of their own: the tests themselves import torch."""

import ast
import gc
import json
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from allennlp.commands import ArgumentParserWithDefaults
from allennlp.commands.command_line import parse
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Registrable

import luke_allennlp.commands
from tests.conftest import FIXTURES, ROOT
from tests.tasks.support import make_archive

HEAVY = ("torch", "transformers", "spacy", "allennlp_models", "allennlp.data", "cached_path")
SCRIPT = f"""
import json, sys
import allennlp.__main__ as entry
try:
    entry.run()
finally:
    found = [name for name in {HEAVY} if name in sys.modules]
    print("HEAVY " + json.dumps(found), file=sys.stderr)
"""
DUMP = FIXTURES / "wikipedia/valdoriawiki-pages-articles-multistream.xml.bz2"


@pytest.fixture
def started(environment, tmp_path):
    """Runs a command and returns its output; fails where it has imported what is heavy."""

    def run(*arguments, status=0, plugins="luke_allennlp\n"):
        (tmp_path / ".allennlp_plugins").write_text(plugins, encoding="utf-8")
        command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert result.returncode == status, result.stderr
        assert result.stderr.splitlines()[-1] == "HEAVY []", arguments
        return result.stdout + result.stderr

    return run


def test_help_has_every_command(started):
    for listed in (started("--help"), started(), started("--help", "--include-package", "luke_allennlp")):
        names = set(re.findall(r"^ {4}([\w-]+)", listed, re.M))
        assert names == {name for name in Subcommand.list_available() if _is_shipped(name)}


def _is_shipped(name):
    module = Registrable._registry[Subcommand][name][0].__module__
    return module.startswith(("allennlp.", "luke_allennlp."))


@pytest.mark.edit("defaults-once")
def test_defaults_are_said_once():
    parsers = ArgumentParserWithDefaults().add_subparsers()
    for name in Subcommand.list_available():
        for action in Subcommand.by_name(name)().add_subparser(parsers)._actions:
            said = re.findall(r"\(default(?: =|:)", action.help or "")
            assert len(said) <= 1, (name, action.option_strings)
    parser = ArgumentParserWithDefaults()
    parser.add_argument("--plain", default=3, help="a number")
    assert "a number (default = 3)" in parser.format_help()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_of_garbage_is_left_as_it_was(enabled):
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        for arguments in (["validate", "x.jsonnet"], ["no-such-command"]):
            with suppress(SystemExit):
                parse(ArgumentParserWithDefaults(), arguments)
            assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()


@pytest.mark.edit("commands-by-name")
@pytest.mark.parametrize("options", [(), ("--include-package", "luke_allennlp")])
def test_a_misspelt_command(started, options):
    error = started("wikipedia-extrakt", *options, status=2)
    assert "there is no command 'wikipedia-extrakt'; did you mean 'wikipedia-extract'" in error
    assert "did you mean 'train'" in started("trian", status=2, plugins="")
    assert "did you mean" not in started("qqq", status=2, plugins="")


@pytest.mark.edit("light-start")
@pytest.mark.slow
def test_commands_that_handle_data(started, tmp_path):
    assert "PAGES" not in started("wikipedia-extract", "--help")
    assert "pages in wiki" in started("wikipedia-extract", DUMP, "-o", "wiki", "--workers", "1")
    assert "entities in" in started("wikipedia-entity-vocab", "wiki", "entities.tsv")
    assert "ids " in started("entity-vocab", "entities.tsv", "--include-package", "luke_allennlp")
    started("wikipedia-mention-db", "wiki", "mentions", "--min-link-prob", "0.1")
    started("wikipedia-redirects", "wiki", "redirects")
    started("wikipedia-link-db", "wiki", "mentions", "links")
    links = {"title": "A", "links": [["b", "B", 0.5]]}
    (tmp_path / "links.jsonl").write_text(json.dumps(links) + "\n", encoding="utf-8")
    assert "1 links of 1 pages" in started("build-link-database", "links.jsonl", "database")
    entity = {"start": 0, "end": 1, "label": "PER", "text": "A"}
    predicted = {"text": "A b", "entities": [entity]}
    (tmp_path / "predicted.jsonl").write_text(json.dumps(predicted) + "\n", encoding="utf-8")
    assert "[A PER]" in started("show-entities", "predicted.jsonl")


# What takes seconds to import, and no command needs that computes with a trained model.
NEEDLESS = ("transformers", "allennlp_models", "cached_path", "tensorboardX", "boto3", "torch._dynamo")


@pytest.mark.edit("light-start")
@pytest.mark.edit("plugins-when-needed")
@pytest.mark.parametrize("command", ["predict", "validate"])
def test_commands_that_handle_models(command, environment, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("Tavin Oakesh leads the choir of Marlow.\n", encoding="utf-8")
    arguments = {
        "predict": [make_archive("luke_ner", tmp_path), texts, "--output-file", tmp_path / "out.jsonl"],
        "validate": [ROOT / "training_configs" / "ner" / "demo.jsonnet"],
    }
    script = SCRIPT.replace(repr(HEAVY), repr(NEEDLESS))
    options = [*map(str, arguments[command]), "--include-package", "luke_allennlp"]
    result = subprocess.run(
        [sys.executable, "-c", script, command, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "HEAVY []"


def test_command_modules_import_nothing_heavy_at_their_top():
    """So says the test above of those that there are; this names the line."""
    for path in Path(luke_allennlp.commands.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] not in HEAVY, f"{path}, line {node.lineno}: {name}"
