"""Predicted entities, printed inside their texts."""

import argparse
import io
import json
import re

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.commands.show_entities import ShowEntities
from luke_allennlp.common.entity_rendering import Entity, render, wants_color

TEXT = "Mira Dovall of the Tarn University sings 👩‍🚀 in Ōsaka."


def line(text, *entities):
    """What the predictor writes for a text with these entities, each with its label."""
    found = []
    for entity, label in entities:
        start = text.index(entity)
        place = {"start": start, "end": start + len(entity)}
        found.append({"text": entity, "label": label, "score": 0.9, **place})
    return {"text": text, "entities": found}


def write(path, *lines):
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in lines), encoding="utf-8")
    return str(path)


def run(*arguments):
    parser = argparse.ArgumentParser()
    ShowEntities().add_subparser(parser.add_subparsers())
    args = parser.parse_args(["show-entities", *arguments])
    args.func(args)


@pytest.fixture(autouse=True)
def no_color_settings(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


class TestOutput:
    def test_brackets_where_it_is_no_terminal(self, tmp_path, capsys):
        first = line(TEXT, ("Mira Dovall", "PER"), ("Ōsaka", "LOC"))
        lines = [first, line("Nothing here."), line("One.\nMira.", ("Mira", "PER")), line("Two.")]
        path = write(tmp_path / "out.jsonl", *lines)
        run(path)
        expected = [
            "[Mira Dovall PER] of the Tarn University sings 👩‍🚀 in [Ōsaka LOC].",
            "Nothing here.",
            *("One.", "[Mira PER].", ""),  # documents are set apart
            "Two.",
        ]
        assert capsys.readouterr().out.splitlines() == [*expected, "", "LOC 1  PER 2"]
        run(path, "--limit", "2")
        assert capsys.readouterr().out.splitlines() == [*expected[:2], "", "LOC 1  PER 1"]

    def test_standard_input_as_predict_prints_it(self, monkeypatch, capsys):
        prediction = json.dumps(line("Mira sings."))
        printed = f'input 0:  {{"text": "Mira sings."}}\nprediction:  {prediction}\n\n'
        monkeypatch.setattr("sys.stdin", io.StringIO(printed))
        run("-")
        assert capsys.readouterr().out == "Mira sings.\n\nNo entities.\n"

    @pytest.mark.parametrize(
        "entities, expected",
        [
            ([(8, 12), (0, 12), (0, 4), (0, 12)], "[[[Bank 2] of [Tarn 0] 3] 1] Hill"),
            ([(0, 12), (8, 17)], '[Bank of Tarn 0] Hill\n    "Tarn Hill" 1'),
        ],
    )
    def test_nested_and_crossing_entities(self, entities, expected):
        found = [Entity(*span, str(number)) for number, span in enumerate(entities)]
        assert render("Bank of Tarn Hill", found, color=False) == expected
        colored = render("Bank of Tarn Hill", found, color=True).split("\n")[0]
        assert re.sub(r"\x1b\[1m \d |\x1b\[[0-9;]*m", "", colored) == "Bank of Tarn Hill"


class TestColor:
    def test_forced(self, tmp_path, monkeypatch, capsys):
        path = write(tmp_path / "out.jsonl", line("Mira sings.", ("Mira", "PER")))
        monkeypatch.setenv("FORCE_COLOR", "1")
        run(path)
        out = capsys.readouterr().out
        assert out.startswith("\x1b[30;48;5;117mMira\x1b[0m") and "\x1b[30;48;5;117m PER \x1b[0m 1" in out
        run(path, "--no-color")
        assert "\x1b" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        "terminal, settings, expected",
        [
            (True, {}, True),
            (False, {}, False),
            (True, {"NO_COLOR": "1"}, False),
            (True, {"TERM": "dumb"}, False),
            (False, {"FORCE_COLOR": "1"}, True),
            (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ],
    )
    def test_when(self, monkeypatch, terminal, settings, expected):
        monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        assert wants_color() is expected


@pytest.mark.parametrize(
    "content, expected",
    [
        ("{}x", ": is not JSON (Extra data"),
        ('{"entities": []}', ": 'text' is missing; found only 'entities'"),
        (
            '{"text": "ab", "entities": [{"start": 0, "end": 1, "label": "X", "text": "b"}]}',
            ", entities[0]: start 0 and end 1 do not fit the text",
        ),
    ],
)
def test_wrong_lines(tmp_path, content, expected):
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(line("Good.")) + "\n\n" + content + "\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="--limit is 0; expected 1 or more"):
        run(str(path), "--limit", "0")
    with pytest.raises(ConfigurationError) as raised:
        run(str(path))
    message = str(raised.value)
    assert message.startswith(f"{path}, line 3{expected}")
    assert message.endswith("Expected what `allennlp predict` writes with a luke_ner model.")
