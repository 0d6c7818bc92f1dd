"""The example of each card, as it is printed there, gives what the archive predicts."""

import re
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
from allennlp.predictors import Predictor
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import luke_allennlp  # noqa: F401
from luke_allennlp.data.tokenizer_files import load_backend
from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.exchange.comparison import NER, PAIRS, TYPING, change_tensors
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
def predict(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Exports an archive and runs the example of its card: gives the function, and the predictor."""

    def run(archive: Path) -> Any:
        directory = archive.parent / "exported"
        export_checkpoint(str(archive), str(directory))
        (code,) = re.findall("^```python\n(.*?)^```$", (directory / "README.md").read_text(), re.M | re.S)
        monkeypatch.chdir(directory)
        namespace: Dict[str, Any] = {"__name__": "__main__"}
        exec(compile(code, "README.md", "exec"), namespace)
        assert not any("luke_allennlp" in line for line in code.splitlines())
        return namespace["predict"], Predictor.from_path(str(archive))

    return run


@pytest.fixture
def moved(imported: Any, tmp_path: Path) -> Callable[[str], Path]:
    """An imported archive beside which an export may be written."""
    return lambda architecture: Path(shutil.copy(imported(architecture), tmp_path / "model.tar.gz"))


def assert_same(found: Dict[Any, float], expected: Dict[Any, float]) -> None:
    assert found == pytest.approx(expected, abs=1e-4) and len(found) > 0


def assert_different(outputs: List[Dict[str, float]]) -> None:
    """A model that always gives the same would show nothing."""
    values = torch.tensor([[scores[label] for label in sorted(scores)] for scores in outputs])
    assert float(values.std(dim=0).max()) > 0.002


def test_entity_typing(moved: Any, predict: Any) -> None:
    path = moved(TYPING)
    example, predictor = predict(path)
    assert "`LukeTokenizer` of transformers" in (path.parent / "exported/README.md").read_text()
    texts = [*TEXTS, ("She -LRB- Edda -RRB- sings.", (10, 14), None), ("a" + " b" * 40, (1, 79), None)]
    expected = [predictor.predict(text, span)["probabilities"] for text, span, _ in texts]
    assert_different(expected)
    for (text, span, _), probabilities in zip(texts, expected, strict=True):
        assert_same(example(text, span), probabilities)


@pytest.mark.parametrize("has_bias", [pytest.param(False, marks=pytest.mark.slow), True])
def test_relations(has_bias: bool, copy: Any, predict: Any, tmp_path: Path) -> None:
    source = copy(PAIRS)
    if has_bias:
        bias = {"classifier.bias": torch.tensor([1.5, -1.0, 0.5])}
        change_tensors(source / "model.safetensors", lambda tensors: tensors.update(bias))
    example, predictor = predict(import_checkpoint(str(source), str(tmp_path / "run")))
    assert (predictor._model.classifier.bias is not None) is has_bias
    expected = [predictor.predict(*text)["probabilities"] for text in TEXTS]
    assert_different(expected)
    for text, probabilities in zip(TEXTS, expected, strict=True):
        assert_same(example(*text), probabilities)


def write_tokenizer(directory: Path, kind: str) -> None:
    """As one file instead of vocab.json and merges.txt, with as many tokens."""
    if kind == "byte_level":
        load_backend(str(directory)).save(str(directory / "tokenizer.json"))
    else:
        letters = [f"{mark}{chr(number)}" for mark in ("", "\u2581") for number in range(33, 127)]
        words = ["\u2581the", "\u2581of", "\u2581lead", "\u2581'"]
        pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *letters, *words]
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
def test_a_tokenizer_of_one_file(kind: str, copy: Any, predict: Any, tmp_path: Path) -> None:
    source = copy(NER)
    write_tokenizer(source, kind)
    example, predictor = predict(import_checkpoint(str(source), str(tmp_path / "run")))
    for words in (["The", "choir", "'s", "leader", ",", "of", "Marlow", "(", "AVR", ")"], ["a"]):
        assert check_entities(example, predictor, words) > 0


def check_entities(example: Any, predictor: Any, words: List[str]) -> int:
    expected = predictor.predict_json({"tokens": words})["entities"]
    found = example(words)
    spans = [(*entity["words"], entity["label"]) for entity in expected]
    assert [entity[:3] for entity in found] == spans
    scores = [entity["score"] for entity in expected]
    assert [entity[3] for entity in found] == pytest.approx(scores, abs=1e-4)
    return len(found)


def test_ner(moved: Any, predict: Any) -> None:
    example, predictor = predict(moved(NER))
    sentences = [
        *(text.replace("'", " '").replace(".", " .").replace(",", " ,").split() for text, _, _ in TEXTS),
        ["'s", "£", "…", "\xa0", "-", "Zoë"],
        "a sentence of so many words that its spans do not go through the model at once , and more".split(),
    ]
    assert sum(check_entities(example, predictor, words) for words in sentences) > 10
    assert example([]) == []


def test_questions(fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    context = "Edda Rask leads  the choir\tof Marlow (AVR), where Zoë\xa0Kostrel's sister\nsings: 3,5 km…"
    questions = ["Who leads the choir?", " Who's sister sings? ", "AVR", "Where… is Örsa?"]
    start = str(fixtures_dir / "tiny-luke")
    no_answer = {"allow_no_answer": True, "null_score_threshold": -1.0, "answer_text": "detokenized"}
    few = {"max_answer_length": 2, "n_best": 2}
    short: Any = ({"strip_question": True, "max_question_length": 3}, {**no_answer, **few})
    luke, kind = {"type": "luke", "model_name": start}, {"type": "luke_reading_comprehension"}
    for number, (reader, model) in enumerate((({}, {}), short)):
        reader, model = {**kind, "tokenizer": luke, **reader}, {**kind, "embedder": luke, **model}
        values = {"dataset_reader": reader, "model": model}
        path = write_archive(tmp_path / str(number), values, make_model(values, noise=0.2))
        example, predictor = predict(path)
        for question in questions:
            answer = predictor.predict(question, context)["answer"]
            text, score = example(question, context)
            assert text == answer["text"] and score == pytest.approx(answer["score"], abs=1e-4)


@pytest.mark.parametrize("use_word_states", [pytest.param(False, marks=pytest.mark.slow), True])
def test_cloze_qa(use_word_states: bool, fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    starts = {"[HIGHLIGHT]": "@", "[PLACEHOLDER]": "#", "[ENTITY]": "*"}
    luke = {"type": "luke", "model_name": str(fixtures_dir / "tiny-luke")}
    tokenizer = {**luke, "marker_tokens": list(starts)}
    embedder = {**luke, "entities": ["[PAD]", "[MASK]"], "marker_tokens": starts}
    kind = {"type": "luke_cloze_qa"}
    values = {
        "dataset_reader": {**kind, "tokenizer": tokenizer},
        "model": {**kind, "embedder": embedder, "use_word_states": use_word_states},
    }
    example, predictor = predict(write_archive(tmp_path / "run", values, make_model(values, noise=0.2)))
    passage = "Edda Rask leads the choir (of Marlow).\n@highlight\nPetra's sister; @highlight Örsa, 3,5 km"
    spans = [(0, 9), (30, 36), (50, 55), (77, 81)]
    assert [passage[start:end] for start, end in spans] == ["Edda Rask", "Marlow", "Petra", "Örsa"]
    for query in ("The choir of @placeholder sings.", "@placeholder's choir", "In (@placeholder), it rains"):
        expected = predictor.predict(passage, query, spans)["candidates"]
        probabilities = {(item["start"], item["end"]): item["probability"] for item in expected}
        assert_same(example(passage, query, spans), probabilities)
        assert len({round(value, 3) for value in probabilities.values()}) > 1


def assert_best(found: List[Any], expected: List[Any], key: str) -> None:
    for best, item in zip(found, expected, strict=True):
        assert_same(dict(best), {value[key]: value["probability"] for value in item["predictions"]})


@pytest.mark.parametrize("start", ["tiny-roberta", pytest.param("tiny-luke", marks=pytest.mark.slow)])
def test_masked_words_and_entities(start: str, fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    source = str(fixtures_dir / start)
    vocabulary = source if start == "tiny-luke" else str(write_vocabulary(tmp_path / "entity_vocab.jsonl"))
    embedder = {} if start == "tiny-luke" else {"entity_emb_size": 16}
    values = config(source, vocabulary, embedder=embedder)
    example, predictor = predict(write_archive(tmp_path / "run", values, make_model(values)))
    for text, mentions in (
        ("<mask> Rask leads the choir of Marlow.", [(29, 35)]),
        ('In "Marlow", says <mask>\'s sister, it <mask>.', [(4, 10), (18, 33)]),
        ("the old-<mask>", []),
        ("  Zoë (AVR)", [(7, 10)]),
    ):
        expected = predictor.predict(text, [list(span) for span in mentions])
        words, entities = example(text, mentions)
        assert_best(words, expected["words"], "token")
        assert_best(entities, expected["mentions"], "entity")


def test_masked_words(fixtures_dir: Path, predict: Any, tmp_path: Path) -> None:
    values = config(str(fixtures_dir / "tiny-bert"), None, {"entities": False})
    example, predictor = predict(write_archive(tmp_path / "run", values, make_model(values)))
    for text in ("[MASK] leads the choir.", 'In "[MASK]", says Zoë[MASK], it rains.', "the old-[MASK] "):
        assert_best(example(text), predictor.predict(text)["words"], "token")
