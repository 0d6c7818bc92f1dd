"""Raw input with masks to words and entities: forms, batches, files, mistakes."""

import json

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from luke_allennlp.pretraining.predictor import PretrainingPredictor
from tests.pretraining.archives import TITLES, config, make_model, write_archive, write_vocabulary

TEXT = "Orsa met [MASK] at Tavin Lake."
RECORDS = [
    {"text": TEXT, "mentions": [[0, 4], {"span": [19, 29], "entity": "Tavin Lake"}], "top_k": 3},
    {"text": "The <mask> of Marlow was long and [MASK]."},
    {"text": "Zoë Rask", "mentions": [{"span": {"start": 0, "end": 8}, "entity": None}]},
]


@pytest.fixture(scope="module")
def values(tmp_path_factory, fixtures_dir):
    vocabulary = write_vocabulary(tmp_path_factory.mktemp("data") / "entity_vocab.jsonl")
    return config(str(fixtures_dir / "tiny-roberta"), str(vocabulary))


def make_predictor(values, **options):
    reader = DatasetReader.from_params(Params(json.loads(json.dumps(values["dataset_reader"]))))
    return PretrainingPredictor(make_model(values), reader, **options)


@pytest.fixture(scope="module")
def predictor(values):
    return make_predictor(values)


@pytest.fixture
def reader(predictor):
    return predictor._reader


def test_words_and_entities(predictor):
    found = predictor.predict_json(RECORDS[0])
    assert found["text"] == TEXT
    (word,), (mention,) = found["words"], found["mentions"]
    assert TEXT[word["start"] : word["end"]] == "[MASK]"
    assert (mention["text"], mention["start"], mention["end"]) == ("Orsa", 0, 4)
    for predictions in (word["predictions"], mention["predictions"]):
        probabilities = [prediction["probability"] for prediction in predictions]
        assert len(predictions) == 3 and probabilities == sorted(probabilities, reverse=True)
    titles = [prediction["entity"] for prediction in mention["predictions"]]
    assert set(titles) <= set(TITLES) - {"[PAD]", "[MASK]"}
    for prediction in word["predictions"]:
        assert prediction["token"].replace("Ġ", "") == prediction["word"]


def test_the_probabilities_are_the_models(predictor, reader):
    (item,) = reader.items(reader.examples_from_json(RECORDS[0], "input")[0])
    model = predictor._model
    with torch.no_grad():
        states = model.embedder.encode(
            torch.tensor([item.word_ids]),
            torch.ones(1, len(item.word_ids), dtype=torch.bool),
            entity_ids=torch.tensor([item.entity_ids]),
            entity_spans=torch.tensor([item.entity_spans]),
            entity_mask=torch.ones(1, 2, dtype=torch.bool),
        )
        table = model.embedder.luke.entity_embeddings.entity_embeddings.weight
        scores = model.entity_predictions.scores(states.entities[0, :1], table)
        expected = dict(zip(TITLES, scores.softmax(dim=-1)[0].tolist(), strict=True))
    for found in predictor.predict_json(RECORDS[0])["mentions"][0]["predictions"]:
        assert found["probability"] == pytest.approx(expected[found["entity"]], rel=1e-4)


def test_what_the_model_sees(reader):
    (item,) = reader.items(reader.examples_from_json(RECORDS[0], "input")[0])
    tokenizer = reader.tokenizer
    pieces = ["Orsa", " met ", " at ", "Tavin Lake"]
    before, met, behind, lake = (tokenizer.encode(piece).ids for piece in pieces)
    end = tokenizer.encode(".", add_prefix_space=False).ids
    words = [tokenizer.start_id, *before, *met, tokenizer.mask_id, *behind, *lake, *end, tokenizer.end_id]
    assert item.word_ids == words
    mask = words.index(tokenizer.mask_id)
    first = mask + 1 + len(behind)
    assert item.entity_spans == [(1, len(before)), (first, first + len(lake) - 1)]
    assert item.entity_ids == [TITLES.index("[MASK]"), TITLES.index("Tavin Lake")]
    assert (item.masked_words, item.masked_entities) == ([mask], [0])


def test_batches_change_nothing(values, predictor):
    def flat(outputs):
        kinds = [(output, kind) for output in outputs for kind in ("words", "mentions")]
        return [p for output, kind in kinds for place in output[kind] for p in place["predictions"]]

    together = predictor.predict_batch_json(RECORDS)
    alone = [make_predictor(values, batch_size=1).predict_json(record) for record in RECORDS]
    for one, other in zip(flat(together), flat(alone), strict=True):
        assert one == {**other, "probability": pytest.approx(other["probability"], rel=1e-4)}
    assert [len(output["words"]) for output in together] == [1, 2, 0]
    assert [len(output["mentions"]) for output in together] == [1, 0, 1]
    assert len(together[1]["words"][0]["predictions"]) == 5
    assert predictor.predict(**RECORDS[0])["words"] == predictor.predict_json(RECORDS[0])["words"]


@pytest.mark.parametrize(
    "record, message",
    [
        ({}, "'text' is missing"),
        ({"text": " "}, "'text' is blank; expected a text that holds a masked word or a mention"),
        ({"text": "Orsa met Marlow."}, "nothing is masked"),
        ({"text": TEXT, "mentions": [[0, 400]]}, r"mentions\[0\]: 'span' has start 0 and end 400"),
        ({"text": TEXT, "mentions": [[4, 4]]}, "start 4 and end 4"),
        ({"text": TEXT, "mentions": ["Orsa"]}, r"'Orsa'|\"Orsa\""),
        ({"text": TEXT, "mentions": [[4, 5]]}, "nothing but space"),
        ({"text": TEXT, "mentions": [[0, 11]]}, "cuts through the mask at 9"),
        ({"text": TEXT, "mentions": [{"span": [0, 4], "entity": "Orso"}]}, "no entity 'Orso'.*it has 7"),
        ({"text": TEXT, "top_k": 0}, "'top_k' is 0"),
        ({"text": "[MASK] " + "Orsa " * 600}, "at most 512: shorten it"),
    ],
)
def test_mistakes(record, message, predictor):
    with pytest.raises(ConfigurationError, match=message):
        predictor.predict_json(record)


def test_words_alone(values, fixtures_dir):
    alone = config(str(fixtures_dir / "tiny-roberta"), None, {"entities": False})
    predictor = make_predictor(alone)
    found = predictor.predict_json(RECORDS[1])
    assert len(found["words"]) == 2 and found["mentions"] == []
    with pytest.raises(ConfigurationError, match="has no entity_vocabulary"):
        predictor.predict_json(RECORDS[0])


def test_a_larger_vocabulary_is_refused(values, tmp_path):
    other = json.loads(json.dumps(values))
    path = write_vocabulary(tmp_path / "entity_vocab.jsonl", [*TITLES, "Nidd"])
    other["dataset_reader"]["entity_vocabulary"] = str(path)
    with pytest.raises(ConfigurationError, match="ids up to 7, and the model 7 entities"):
        make_predictor(other)


@pytest.mark.parametrize("options", [[], pytest.param(["--use-dataset-reader"], marks=pytest.mark.slow)])
def test_the_command(options, values, tmp_path, allennlp):
    path = write_archive(tmp_path / "run", values, make_model(values))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    output = tmp_path / "out.jsonl"
    arguments = (str(path), str(tmp_path / "in.jsonl"), "--silent", "--output-file", str(output))
    assert allennlp("predict", *arguments, *options).status == 0
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["text"] for line in lines] == [record["text"] for record in RECORDS]
    assert len(lines[0]["mentions"]) == 1
