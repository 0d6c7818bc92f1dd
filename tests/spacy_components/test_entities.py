"""`luke_ner` in spaCy's pipelines."""

import logging
import pickle

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

import luke_allennlp

TEXT = "Tavin Oakesh met  Edda Rask in Valdoria.\n\nNobody knew it. 🎉 Zoë sang for Orsa"


def rows(spans):
    return [(span.start, span.end, span.label_, span._.luke_score) for span in spans]


@pytest.fixture
def nlp(add):
    nlp = spacy.blank("en")
    add(nlp, "luke_ner")
    return nlp


def test_entities_are_those_of_the_pipeline_for_the_same_tokens(nlp, archives):
    nlp.add_pipe("sentencizer", first=True)
    doc = nlp(TEXT)
    sentences = [[token for token in sentence if not token.is_space] for sentence in doc.sents]
    record = {"sentences": [[token.text for token in sentence] for sentence in sentences]}
    model = luke_allennlp.load(archives["luke_ner"], device="cpu")
    expected = []
    for entity in model(record):
        first, end = entity.words
        words = sentences[entity.sentence][first:end]
        expected.append((words[0].i, words[-1].i + 1, entity.label, entity.score))
    assert rows(doc.ents) == expected and len(expected) >= 2
    assert rows(doc._.luke_entities) == expected
    assert all(0 < entity._.luke_score <= 1 for entity in doc.ents)
    assert doc[:]._.luke_score is None


def test_without_sentences_the_sentencizers_rules_decide(nlp):
    doc = nlp(TEXT)
    assert not doc.has_annotation("SENT_START")
    nlp.add_pipe("sentencizer", first=True)
    assert rows(nlp(TEXT).ents) == rows(doc.ents)


def test_sentences_of_the_pipeline_count(nlp):
    doc = nlp.make_doc(TEXT)
    for token in doc:
        token.is_sent_start = True
    assert max(map(len, nlp(TEXT).ents)) > 1
    assert all(len(entity) == 1 for entity in nlp(doc)._.luke_entities) and doc.ents


@pytest.mark.parametrize("language", ["en", "de", "xx", "ja-like"])
@pytest.mark.parametrize(
    "text", ["", " ", " \n\t\n ", "a", ".", "\u200b", "🎉👩‍👩‍👧", "naïve  Zoë\u00a0Rask", "İstanbul’da ﬁn."]
)
def test_any_text(add, language, text):
    nlp = spacy.blank(language if language in ("en", "de") else "xx")
    if language == "ja-like":  # without spaces: every character is a token
        nlp.tokenizer = lambda text: Doc(nlp.vocab, words=list(text), spaces=[False] * len(text))
    add(nlp, "luke_ner")
    doc = nlp(text)
    assert doc.text == text
    for entity in doc.ents:
        assert entity.text and not entity[0].is_space and not entity[-1].is_space


def test_long_documents(nlp):
    doc = nlp("Tavin Oakesh met Edda Rask in Valdoria . " * 40 + "word " * 120)
    first, last = doc.ents[0], doc.ents[-1]
    assert first.start < 9 and last.start > 300


def test_batches_across_documents(nlp, monkeypatch):
    texts = [TEXT, "", "Zoë sang for Rask in Valdoria.", " ", "Orsa met Tavin"] * 3
    alone = [rows(nlp(text).ents) for text in texts]
    component = nlp.get_pipe("luke_ner")
    sizes = []
    predict = component.predict
    monkeypatch.setattr(component, "predict", lambda docs: sizes.append(len(docs)) or predict(docs))
    stream = ((text, number) for number, text in enumerate(texts))
    together = list(nlp.pipe(stream, as_tuples=True, batch_size=6))
    assert [number for _, number in together] == list(range(15)) and sizes == [6, 6, 3]
    for (doc, _), expected in zip(together, alone, strict=True):
        assert [row[:3] for row in rows(doc.ents)] == [row[:3] for row in expected]
        assert np.allclose([row[3] for row in rows(doc.ents)], [row[3] for row in expected], atol=1e-4)


@pytest.mark.slow
def test_in_several_processes(nlp):
    texts = [TEXT, "", "Zoë sang for Rask in Valdoria."] * 4
    expected = [[row[:3] for row in rows(nlp(text).ents)] for text in texts]  # the model is loaded before
    found = list(nlp.pipe(texts, n_process=2, batch_size=3))
    assert [[row[:3] for row in rows(doc.ents)] for doc in found] == expected
    assert found[0].ents[0]._.luke_score > 0


def test_a_copy_for_another_process(nlp):
    expected = rows(nlp(TEXT).ents)
    component = pickle.loads(pickle.dumps(nlp.get_pipe("luke_ner")))
    assert rows(component(nlp.make_doc(TEXT)).ents) == expected


def test_selected_pipes(nlp):
    with nlp.select_pipes(disable=["luke_ner"]):
        assert nlp(TEXT).ents == ()
    assert nlp(TEXT).ents


class TestEarlierEntities:
    def doc(self, nlp):
        doc = nlp.make_doc(TEXT)
        whole = nlp.get_pipe("luke_ner")(doc.copy()).ents[0]
        doc.ents = [Span(doc, whole.start, whole.end, label="RULE")]
        return doc

    def test_they_stay(self, nlp):
        doc = self.doc(nlp)
        (earlier,) = doc.ents
        found = nlp(doc)
        assert found.ents[0] == earlier and found.ents[0].label_ == "RULE"
        assert [entity.label_ for entity in found._.luke_entities if entity.start == earlier.start] != [
            "RULE"
        ]

    def test_unless_they_are_to_be_overwritten(self, nlp, add):
        nlp.remove_pipe("luke_ner")
        add(nlp, "luke_ner", overwrite_ents=True)
        found = nlp(self.doc(nlp))
        assert "RULE" not in {entity.label_ for entity in found.ents}
        assert rows(found.ents) == rows(found._.luke_entities)

    def test_those_beside_stay(self, add, ruler):
        nlp = ruler()
        add(nlp, "luke_ner", overwrite_ents=True, threshold=1.0)
        assert [entity.text for entity in nlp("Zoë met Orsa.").ents] == ["Zoë"]


class TestOverlapping:
    @pytest.fixture
    def nested(self, archives, tmp_path):
        from tests.archives import config_with, pack, unpack

        place = unpack(archives["luke_ner"], tmp_path / "unpacked")
        config_with({"model.flat": False})(place)
        return str(pack(place, tmp_path / "model.tar.gz"))

    def test_span_groups(self, add, nested):
        nlp = spacy.blank("en")
        add(nlp, "luke_ner", model=nested, spans_key="luke")
        doc = nlp(TEXT)
        group = doc.spans["luke"]
        assert doc.ents == () and group.has_overlap
        assert np.allclose(group.attrs["scores"], [span._.luke_score for span in group])
        assert [span.text for span in nlp("").spans["luke"]] == []

    def test_the_most_certain_ones_are_ents(self, add, nested, caplog):
        nlp = spacy.blank("en")
        add(nlp, "luke_ner", model=nested)
        with caplog.at_level(logging.WARNING):
            doc = nlp(TEXT)
            nlp(TEXT)
        assert 0 < len(doc.ents) < len(doc._.luke_entities)
        best = max(doc._.luke_entities, key=lambda entity: entity._.luke_score)
        assert best in doc.ents
        (message,) = [r.getMessage() for r in caplog.records if r.name.endswith("spacy_components.entities")]
        dropped = len(doc._.luke_entities) - len(doc.ents)
        assert f"{dropped} overlap" in message and "spans_key" in message

    def test_scores_of_spacy(self, add, nested):
        nlp = spacy.blank("en")
        add(nlp, "luke_ner", model=nested, spans_key="luke")
        gold = nlp(TEXT)
        assert nlp.evaluate([Example(nlp.make_doc(TEXT), gold)])["spans_luke_f"] == 1.0


def test_scores_of_spacy(nlp):
    gold = nlp(TEXT)
    assert nlp.evaluate([Example(nlp.make_doc(TEXT), gold)])["ents_f"] == 1.0
    gold.ents = gold.ents[:1]
    assert nlp.evaluate([Example(nlp.make_doc(TEXT), gold)])["ents_r"] == 1.0


def test_thresholds(nlp, add):
    scores = sorted(entity._.luke_score for entity in nlp(TEXT).ents)
    nlp.remove_pipe("luke_ner")
    add(nlp, "luke_ner", threshold=scores[1])
    assert sorted(entity._.luke_score for entity in nlp(TEXT).ents) == scores[1:]


def test_documents_can_be_stored(nlp):
    doc = nlp(TEXT)
    for copy in (
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        next(DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)),
    ):
        assert rows(copy.ents) == rows(doc.ents)
        assert rows(copy._.luke_entities) == rows(doc._.luke_entities)


def test_what_it_assigns(nlp):
    analysis = nlp.analyze_pipes()
    assert {"doc.ents", "span._.luke_score"} <= set(analysis["summary"]["luke_ner"]["assigns"])
    assert nlp.pipe_labels["luke_ner"] == []  # not loaded yet
    nlp(TEXT)
    assert set(nlp.pipe_labels["luke_ner"]) == {"LOC", "MISC", "ORG", "PER"}


def test_an_error_handler_of_the_pipeline(nlp, monkeypatch):
    errors = []
    nlp.set_error_handler(lambda name, proc, docs, error: errors.append((name, len(docs), str(error))))

    def fail(docs):
        if any(doc.text == "bad" for doc in docs):
            raise ValueError("no")
        return [[] for _ in docs]

    monkeypatch.setattr(nlp.get_pipe("luke_ner"), "predict", fail)
    assert [doc.text for doc in nlp.pipe(["a", "b", "bad", "c"], batch_size=2)] == ["a", "b"]
    assert errors == [("luke_ner", 2, "no")]
