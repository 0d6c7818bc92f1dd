"""Entity vocabularies on the command line."""

import os
from pathlib import Path

import pytest

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
def run(allennlp, monkeypatch, tmp_path):
    """Gives the lines on standard output, and the errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        finished = allennlp("entity-vocab", *arguments)
        errors = [line for line in finished.err.splitlines() if line.startswith("allennlp: error: ")]
        assert finished.status == (1 if errors else 0) and "Traceback" not in finished.err
        return finished.out.splitlines(), [line.removeprefix("allennlp: error: ") for line in errors]

    return run


def test_summary(run, english, multilingual):
    lines = ["ids        64, from 0 to 63", "names      64"]
    lines += ["special    [PAD] 0, [UNK] 1, [MASK] 2, [MASK2] 3"]
    assert run(english) == ([*lines, "languages  not told", "counts     not told"], [])
    lines = ["ids        5, from 0 to 10", "names      7", "special    [MASK] 0, [PAD] 2"]
    expected = ([*lines, "languages  de, en, fr, ja", "counts     yes"], [])
    assert run(multilingual) == run(os.path.dirname(multilingual)) == expected


def test_look_ups_in_one_language(run, english):
    found = ["[MASK]: id 2", "Port Velmar: id 4", "id 5: Dorrick", "id 0: [PAD]"]
    assert run(english, MASK, "Port Velmar", "--id", "5", "--id", "0") == (found, [])
    assert run(english, "Port Velmar", "--language", "en") == (found[1:2], [])


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
    assert run(multilingual, *arguments) == (expected, [])


def test_what_is_not_there(run, english, multilingual):
    lines, errors = run(english, "port velmar", "Port Velmar", "Nowhere", "--id", "64", "--id", "3")
    assert lines == ["Port Velmar: id 4", "id 3: [MASK2]"]
    first, second, third = errors
    assert first.startswith("There is no entity 'port velmar' in the entity vocab")
    assert first.endswith("; did you mean 'Port Velmar'?")
    assert "no entity 'Nowhere'" in second and "no entity with the id 64" in third
    lines, (error,) = run(multilingual, "日本", "--language", "de")
    assert lines == [] and "no entity '日本' in the language 'de'" in error
    assert error.endswith("did you mean 'ja:日本'?")


def test_told_about_languages(run, tmp_path):
    (tmp_path / "v.json").write_text('{"en:Japan": 1, "Japan": 2}')
    assert run("v.json", "Japan", "--multilingual") == (["Japan: id 2"], [])
    assert run("v.json", "Japan", "--language", "en", "--multilingual") == (["en:Japan: id 1"], [])


def test_conversion(run, multilingual, english, tmp_path):
    target = tmp_path / "v.json"
    note = "Their counts are left out: .json has no place for them."
    assert run(multilingual, "--output", str(target)) == ([f"Wrote {target}: 7 names.", note], [])
    assert list(EntityVocabulary.from_file(target)) == list(EntityVocabulary.from_file(multilingual))
    before = Path(multilingual).read_bytes()
    assert run(multilingual, "--output", multilingual, "-f")[1] == []  # in place
    assert Path(multilingual).read_bytes() == before

    target = tmp_path / "v.tsv"
    target.write_text("as it was")
    error = f"{target}: is there already; give another --output, or --force."
    assert run(english, "--output", str(target)) == ([], [error])
    assert target.read_text() == "as it was"
    assert run(english, "--output", str(target), "--force") == ([f"Wrote {target}: 64 names."], [])
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
def test_mistakes_are_one_line(run, multilingual, tmp_path, arguments, message):
    (tmp_path / "broken.tsv").write_text("Japan\n")
    lines, (error,) = run(*arguments)
    assert message in error and lines == []
    assert sorted(os.listdir(tmp_path)) == ["broken.tsv", "entity_vocab.jsonl"]
