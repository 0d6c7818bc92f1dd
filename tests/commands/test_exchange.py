"""`allennlp import-checkpoint`, `evaluate`, `predict` and `export-checkpoint`, as a user types them."""

import json

import pytest
import transformers

from tests.exchange.comparison import LABELS, TOKENIZER_FILES


@pytest.fixture
def published(workplace):
    directory = workplace / "published"
    if not directory.exists():
        tiny = workplace / "fixtures" / "tiny-luke"
        labels = dict(enumerate(LABELS["LukeForEntityClassification"]))
        config = transformers.LukeConfig.from_pretrained(tiny, id2label=labels)
        transformers.LukeForEntityClassification(config).save_pretrained(directory)
        for name in (*TOKENIZER_FILES, "added_tokens.json", "entity_vocab.json"):
            (directory / name).write_bytes((tiny / name).read_bytes())
    return directory


def test_in_use_and_out(allennlp, published, workplace, fixtures_dir):
    imported = allennlp("import-checkpoint", "published", "-s", "imported", "--force")
    assert imported.status == 0, imported.err
    assert imported.out.splitlines()[-1] == "imported/model.tar.gz"

    data = str(fixtures_dir / "data" / "open_entity" / "test.json")
    evaluated = allennlp("evaluate", "imported/model.tar.gz", data, "--output-file", "scores.json")
    assert evaluated.status == 0, evaluated.err
    assert 0 <= json.loads((workplace / "scores.json").read_text())["f1"] <= 1

    (workplace / "mentions.jsonl").write_text('{"text": "Edda Rask sang.", "span": [0, 9]}\n')
    predicted = allennlp(
        "predict", "imported/model.tar.gz", "mentions.jsonl", "--silent", "--output-file", "out.jsonl"
    )
    assert predicted.status == 0, predicted.err
    assert set(json.loads((workplace / "out.jsonl").read_text())["probabilities"]) == set(
        LABELS["LukeForEntityClassification"]
    )

    exported = allennlp("export-checkpoint", "imported", "exported", "--force", "--dtype", "bfloat16")
    assert exported.status == 0, exported.err
    assert "transformers.LukeForEntityClassification.from_pretrained" in exported.out
    transformers.LukeForEntityClassification.from_pretrained(workplace / "exported")
    assert json.loads((workplace / "exported/config.json").read_text())["dtype"] == "bfloat16"


def test_mistakes_are_one_line(allennlp, published, workplace):
    failed = allennlp("import-checkpoint", "nowhere/at/all", "-s", "there")
    assert failed.status != 0 and "There is no model directory 'nowhere/at/all'" in failed.error
    failed = allennlp("export-checkpoint", "nowhere.tar.gz", "there")
    assert failed.status != 0 and "nowhere.tar.gz: there is no archive" in failed.error
    assert not (workplace / "there").exists()
