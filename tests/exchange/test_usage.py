"""The example of each card, as it is printed there, gives what the archive predicts."""

import re
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
import transformers
from allennlp.models import load_archive
from allennlp.predictors import Predictor
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import luke_allennlp  # noqa: F401
from luke_allennlp.data.tokenizer_files import load_backend
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.pretraining.archives import config, make_model, write_archive, write_vocabulary

# Punctuation and spaces around the mentions, words that are joined, signs, letters of several bytes.
TEXTS = [
    ("Edda Rask leads the choir of Marlow.", (0, 9), (29, 35)),
    ('In "Marlow", says Petra Kostrel\'s sister, it rains.', (18, 31), (4, 10)),
    ("Zoë Rask-Kostrel (AVR): 3,5 km", (9, 16), (18, 21)),
    ("  the old-town  of Örsa…", (17, 23), (6, 9)),
    ("x/y", (2, 3), (0, 1)),
]


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Callable[..., Any]]:
    """Runs the example of a card, and gives its function."""

    def run(directory: Path) -> Callable[..., Any]:
        (code,) = re.findall("^```python\n(.*?)^```$", (directory / "README.md").read_text(), re.M | re.S)
        monkeypatch.chdir(directory)
        namespace: Dict[str, Any] = {"__name__": "__main__"}
        exec(compile(code, "README.md", "exec"), namespace)
        assert not any("luke_allennlp" in line for line in code.splitlines())
        return namespace["predict"]  # type: ignore[no-any-return]

    return run


def export(archive: Path) -> Path:
    directory = archive.parent / "exported"
    export_checkpoint(str(archive), str(directory))
    return directory


def assert_same(found: Dict[Any, float], expected: Dict[Any, float]) -> None:
    assert found == pytest.approx(expected, abs=1e-4) and len(found) > 0


def assert_different(outputs: List[Dict[str, float]]) -> None:
    """A model that always gives the same would show nothing."""
    values = torch.tensor([[scores[label] for label in sorted(scores)] for scores in outputs])
    assert float(values.std(dim=0).max()) > 0.002


def test_entity_typing(imported: Any, exported: Any, predict: Any) -> None:
    example = predict(exported("LukeForEntityClassification"))
    predictor = Predictor.from_path(str(imported("LukeForEntityClassification")))
    texts = [*TEXTS, ("She -LRB- Edda -RRB- sings.", (10, 14), None), ("a" + " b" * 40, (1, 79), None)]
    expected = [predictor.predict(text, span)["probabilities"] for text, span, _ in texts]
    assert_different(expected)
    for (text, span, _), probabilities in zip(texts, expected, strict=True):
        assert_same(example(text, span), probabilities)


@pytest.mark.parametrize("has_bias", [pytest.param(False, marks=pytest.mark.slow), True])
def test_relations(has_bias: bool, published: Any, predict: Any, tmp_path: Path) -> None:
    source = shutil.copytree(published("LukeForEntityPairClassification"), tmp_path / "source")
    if has_bias:
        tensors = load_file(source / "model.safetensors")
        tensors["classifier.bias"] = torch.tensor([1.5, -1.0, 0.5])
        save_file(tensors, source / "model.safetensors", {"format": "pt"})
    path = import_checkpoint(str(source), str(tmp_path / "run"))
    example = predict(export(path))
    predictor = Predictor.from_path(str(path))
    assert (predictor._model.classifier.bias is not None) is has_bias
    expected = [predictor.predict(*text)["probabilities"] for text in TEXTS]
    assert_different(expected)
    for text, probabilities in zip(TEXTS, expected, strict=True):
        assert_same(example(*text), probabilities)


def test_what_the_class_tokenizer_changes(imported: Any, exported: Any) -> None:
    """What the cards say of it is so."""
    for kind, task, keys in (
        ("", "entity_classification", ["span"]),
        ("Pair", "entity_pair_classification", ["head", "tail"]),
    ):
        directory = exported(f"LukeForEntity{kind}Classification")
        assert "`LukeTokenizer` of transformers" in (directory / "README.md").read_text()
        tokenizer = transformers.LukeTokenizer.from_pretrained(directory, task=task)
        reader: Any = load_archive(imported(f"LukeForEntity{kind}Classification")).validation_dataset_reader
        for text, *spans in TEXTS[:3]:
            record = {"text": text, **{key: list(span) for key, span in zip(keys, spans, strict=False)}}
            (item,) = reader.items(reader.examples_from_json(record, "")[0])
            theirs = tokenizer(text, entity_spans=spans[: len(keys)])["input_ids"]
            assert list(item.token_ids) != theirs
            assert {index for index in theirs if index >= 1998} <= set(item.token_ids)


def write_tokenizer(directory: Path, kind: str) -> None:
    """As one file instead of vocab.json and merges.txt, with as many sub-words."""
    if kind == "byte_level":
        load_backend(str(directory)).save(str(directory / "tokenizer.json"))
    else:
        letters = [f"{mark}{chr(number)}" for mark in ("", "\u2581") for number in range(33, 127)]
        pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *letters]
        pieces += ["\u2581the", "\u2581of", "\u2581lead", "\u2581'"]
        pieces += [f"[{number}]" for number in range(len(pieces), 1997)]
        scores = [(piece, -float(number % 7)) for number, piece in enumerate([*pieces, "<mask>"])]
        backend = Tokenizer(models.Unigram(scores, unk_id=3))
        backend.normalizer = normalizers.NFKC()
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        backend.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        backend.save(str(directory / "tokenizer.json"))
    for name in ("vocab.json", "merges.txt"):
        (directory / name).unlink()


@pytest.mark.parametrize("kind", [pytest.param("byte_level", marks=pytest.mark.slow), "metaspace"])
def test_a_tokenizer_of_one_file(kind: str, published: Any, predict: Any, tmp_path: Path) -> None:
    source = Path(shutil.copytree(published("LukeForEntitySpanClassification"), tmp_path / "source"))
    write_tokenizer(source, kind)
    path = import_checkpoint(str(source), str(tmp_path / "run"))
    example = predict(export(path))
    predictor = Predictor.from_path(str(path))
    for words in (["The", "choir", "'s", "leader", ",", "of", "Marlow", "(", "AVR", ")"], ["a"]):
        entities = predictor.predict_json({"tokens": words})["entities"]
        expected = [(*entity["words"], entity["label"]) for entity in entities]
        assert [found[:3] for found in example(words)] == expected and expected
        scores = [entity["score"] for entity in entities]
        assert [found[3] for found in example(words)] == pytest.approx(scores, abs=1e-4)


def test_ner(imported: Any, exported: Any, predict: Any) -> None:
    example = predict(exported("LukeForEntitySpanClassification"))
    predictor = Predictor.from_path(str(imported("LukeForEntitySpanClassification")))
    sentences = [
        *(text.replace("'", " '").replace(".", " .").replace(",", " ,").split() for text, _, _ in TEXTS),
        ["'s", "£", "…", "\xa0", "-", "Zoë"],
        "a sentence of so many words that its spans do not go through the model at once , and more".split(),
    ]
    number = 0
    for words in sentences:
        expected = predictor.predict_json({"tokens": words})["entities"]
        found = example(words)
        assert [(i, j, label) for i, j, label, _ in found] == [
            (*entity["words"], entity["label"]) for entity in expected
        ]
        scores = [entity["score"] for entity in expected]
        assert [score for *_, score in found] == pytest.approx(scores, abs=1e-4)
        number += len(found)
    assert number > 10
    assert example([]) == []


def test_questions(fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    context = "Edda Rask leads  the choir\tof Marlow (AVR), where Zoë\xa0Kostrel's sister\nsings: 3,5 km…"
    questions = ["Who leads the choir?", " Who's sister sings? ", "AVR", "Where… is Örsa?"]
    start = str(fixtures_dir / "tiny-luke")
    no_answer = {"allow_no_answer": True, "null_score_threshold": -1.0, "answer_text": "detokenized"}
    few = {"max_answer_length": 2, "n_best": 2}
    for number, (reader, model) in enumerate(
        (({}, {}), ({"strip_question": True, "max_question_length": 3}, {**no_answer, **few}))
    ):
        kind = {"type": "luke_reading_comprehension"}
        tokenizer, embedder = ({"type": "luke", "model_name": start} for _ in range(2))
        values = {
            "dataset_reader": {**kind, "tokenizer": tokenizer, **reader},
            "model": {**kind, "embedder": embedder, **model},
        }
        path = write_archive(tmp_path / str(number), values, make_model(values, noise=0.2))
        example = predict(export(path))
        predictor = Predictor.from_path(str(path))
        for question in questions:
            answer = predictor.predict(question, context)["answer"]
            text, score = example(question, context)
            assert text == answer["text"] and score == pytest.approx(answer["score"], abs=1e-4)


@pytest.mark.parametrize("use_word_states", [pytest.param(False, marks=pytest.mark.slow), True])
def test_cloze_qa(use_word_states: bool, fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    markers = ["[HIGHLIGHT]", "[PLACEHOLDER]", "[ENTITY]"]
    start = str(fixtures_dir / "tiny-luke")
    values = {
        "dataset_reader": {
            "type": "luke_cloze_qa",
            "tokenizer": {"type": "luke", "model_name": start, "marker_tokens": markers},
        },
        "model": {
            "type": "luke_cloze_qa",
            "embedder": {
                "type": "luke",
                "model_name": start,
                "entities": ["[PAD]", "[MASK]"],
                "marker_tokens": dict(zip(markers, "@#*", strict=True)),
            },
            "use_word_states": use_word_states,
        },
    }
    path = write_archive(tmp_path / "run", values, make_model(values, noise=0.2))
    example = predict(export(path))
    predictor = Predictor.from_path(str(path))
    passage = "Edda Rask leads the choir (of Marlow).\n@highlight\nPetra's sister; @highlight Örsa, 3,5 km"
    spans = [(0, 9), (30, 36), (50, 55), (77, 81)]
    assert [passage[start:end] for start, end in spans] == ["Edda Rask", "Marlow", "Petra", "Örsa"]
    for query in ("The choir of @placeholder sings.", "@placeholder's choir", "In (@placeholder), it rains"):
        expected = predictor.predict(passage, query, spans)["candidates"]
        assert_same(
            example(passage, query, spans),
            {(item["start"], item["end"]): item["probability"] for item in expected},
        )
        assert len({round(item["probability"], 3) for item in expected}) > 1


@pytest.mark.parametrize("start", ["tiny-roberta", pytest.param("tiny-luke", marks=pytest.mark.slow)])
def test_masked_words_and_entities(start: str, fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    source = str(fixtures_dir / start)
    vocabulary = source if start == "tiny-luke" else str(write_vocabulary(tmp_path / "entity_vocab.jsonl"))
    embedder = {} if start == "tiny-luke" else {"entity_emb_size": 16}
    values = config(source, vocabulary, embedder=embedder)
    path = write_archive(tmp_path / "run", values, make_model(values))
    example = predict(export(path))
    predictor = Predictor.from_path(str(path))
    for text, mentions in (
        ("<mask> Rask leads the choir of Marlow.", [(29, 35)]),
        ('In "Marlow", says <mask>\'s sister, it <mask>.', [(4, 10), (18, 33)]),
        ("the old-<mask>", []),
        ("  Zoë (AVR)", [(7, 10)]),
    ):
        expected = predictor.predict(text, [list(span) for span in mentions])
        words, entities = example(text, mentions)
        for found, item in zip(words, expected["words"], strict=True):
            assert_same(dict(found), {best["token"]: best["probability"] for best in item["predictions"]})
        for found, item in zip(entities, expected["mentions"], strict=True):
            assert_same(dict(found), {best["entity"]: best["probability"] for best in item["predictions"]})


@pytest.mark.parametrize(
    "start, mask",
    [pytest.param("tiny-roberta", "<mask>", marks=pytest.mark.slow), ("tiny-bert", "[MASK]")],
)
def test_masked_words(start: str, mask: str, fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    values = config(str(fixtures_dir / start), None, {"entities": False})
    path = write_archive(tmp_path / "run", values, make_model(values))
    example = predict(export(path))
    predictor = Predictor.from_path(str(path))
    for text in (f"{mask} leads the choir.", f'In "{mask}", says Zoë{mask}, it rains.', f"the old-{mask} "):
        expected = predictor.predict(text)["words"]
        for found, item in zip(example(text), expected, strict=True):
            assert_same(dict(found), {best["token"]: best["probability"] for best in item["predictions"]})
