"""Entity vocabularies on the command line."""

import argparse
import json
import os
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.entity_vocab import EntityVocab
from luke_allennlp.entity_vocabulary import MASK, PAD, EntityVocabulary

ENTRIES = [
    (0, [(MASK, None)], 0),
    (2, [(PAD, None)], 0),
    (3, [("Japan", "en"), ("Japan", "de"), ("日本", "ja")], 120),
    (9, [("Japan", "fr")], 7),
    (10, [("\x1b[31mred", "en")], 7),
]


@pytest.fixture
def english(fixtures_dir):
    return str(fixtures_dir / "tiny-luke")


@pytest.fixture
def multilingual(tmp_path):
    EntityVocabulary.from_entries(ENTRIES).save(tmp_path / "entity_vocab.jsonl")
    return str(tmp_path / "entity_vocab.jsonl")


@pytest.fixture
def run(capsys):
    """Gives the status or last words, and the lines on standard output."""

    def run(*arguments):
        parser = argparse.ArgumentParser()
        EntityVocab().add_subparser(parser.add_subparsers())
        args = parser.parse_args(["entity-vocab", *arguments])
        status = 0
        try:
            args.func(args)
        except ConfigurationError as error:
            status = str(error)
        except SystemExit as exit_:  # a line for each entity that is not there
            status = exit_.code
        return status, capsys.readouterr().out.splitlines()

    return run


def test_summary(run, english, multilingual):
    lines = ["ids        64, from 0 to 63", "names      64"]
    lines += ["special    [PAD] 0, [UNK] 1, [MASK] 2, [MASK2] 3"]
    assert run(english) == (0, [*lines, "languages  not told", "counts     not told"])
    lines = ["ids        5, from 0 to 10", "names      7", "special    [MASK] 0, [PAD] 2"]
    expected = (0, [*lines, "languages  de, en, fr, ja", "counts     yes"])
    assert run(multilingual) == run(os.path.dirname(multilingual)) == expected


def test_look_ups_in_one_language(run, english):
    found = ["[MASK]: id 2", "Port Velmar: id 4", "id 5: Dorrick", "id 0: [PAD]"]
    assert run(english, MASK, "Port Velmar", "--id", "5", "--id", "0") == (0, found)
    assert run(english, "Port Velmar", "--language", "en") == (0, found[1:2])


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["ja:日本"], ["ja:日本: id 3, count 120; also en:Japan, de:Japan"]),
        (["日本", "--language", "ja"], ["ja:日本: id 3, count 120; also en:Japan, de:Japan"]),
        (["--id", "3"], ["id 3, count 120: en:Japan, de:Japan, ja:日本"]),
        ([MASK, "--language", "de"], ["[MASK]: id 0, count 0"]),
        (
            ["Japan"],
            [
                "en:Japan: id 3, count 120; also de:Japan, ja:日本",
                "de:Japan: id 3, count 120; also en:Japan, ja:日本",
                "fr:Japan: id 9, count 7",
            ],
        ),
        # Control characters do not reach the terminal.
        (["--id", "10"], [r"id 10, count 7: 'en:\x1b[31mred'"]),
    ],
)
def test_look_ups_in_several_languages(run, multilingual, arguments, expected):
    assert run(multilingual, *arguments) == (0, expected)


def test_what_is_not_there(run, english, multilingual):
    status, lines = run(english, "port velmar", "Port Velmar", "Nowhere", "--id", "64", "--id", "3")
    assert lines == ["Port Velmar: id 4", "id 3: [MASK2]"]
    first, second, third = str(status).splitlines()
    assert first.startswith("allennlp: error: There is no entity 'port velmar' in the entity vocab")
    assert first.endswith("; did you mean 'Port Velmar'?")
    assert "no entity 'Nowhere'" in second and "no entity with the id 64" in third
    status, lines = run(multilingual, "日本", "--language", "de")
    assert lines == [] and "no entity '日本' in the language 'de'" in str(status)
    assert str(status).endswith("did you mean 'ja:日本'?")


def test_told_about_languages(run, tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps({"en:Japan": 1, "Japan": 2}))
    assert run(str(path), "Japan", "--multilingual") == (0, ["Japan: id 2"])
    assert run(str(path), "Japan", "--language", "en", "--multilingual") == (0, ["en:Japan: id 1"])


def test_conversion(run, multilingual, english, tmp_path):
    target = tmp_path / "v.json"
    note = "Their counts are left out: .json has no place for them."
    assert run(multilingual, "--output", str(target)) == (0, [f"Wrote {target}: 7 names.", note])
    assert list(EntityVocabulary.from_file(target)) == list(EntityVocabulary.from_file(multilingual))
    before = Path(multilingual).read_bytes()
    assert run(multilingual, "--output", multilingual, "-f")[0] == 0  # in place
    assert Path(multilingual).read_bytes() == before

    target = tmp_path / "v.tsv"
    target.write_text("as it was")
    status, _ = run(english, "--output", str(target))
    assert str(status) == f"{target}: is there already; give another --output, or --force."
    assert target.read_text() == "as it was"
    assert run(english, "--output", str(target), "--force") == (0, [f"Wrote {target}: 64 names."])
    assert EntityVocabulary.from_file(target) == EntityVocabulary.from_checkpoint(english)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["no.tsv"], "no.tsv: there is no such file"),
        (["./nothing"], "There is no model directory"),
        (["broken.tsv", "Japan"], "broken.tsv, line 1: found 'Japan'; expected a title, a tab"),
        (["entity_vocab.jsonl", "Japan", "--language", "xx"], "no language 'xx' in"),
        (["entity_vocab.jsonl", "--language", "en"], "--language is that of titles"),
        (["entity_vocab.jsonl", "--output", "v.tsv"], "tsv cannot hold this vocabulary"),
        (["entity_vocab.jsonl", "--output", "v.txt"], "expected .json, .tsv or .jsonl"),
    ],
)
def test_mistakes_are_one_line(run, multilingual, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.tsv").write_text("Japan\n")
    status, lines = run(*arguments)
    assert message in str(status) and "\n" not in str(status) and lines == []
    assert sorted(os.listdir(tmp_path)) == ["broken.tsv", "entity_vocab.jsonl"]


def test_as_a_user_types_it(allennlp):
    assert allennlp("entity-vocab", "fixtures/tiny-luke", "Port Velmar")[:2] == (0, "Port Velmar: id 4\n")
    finished = allennlp("entity-vocab", "fixtures/tiny-luke", "Nowhere")
    assert finished.status == 1 and finished.error.startswith("allennlp: error: There is no entity")
