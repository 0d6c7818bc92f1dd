"""`luke_types` in spaCy's pipelines."""

import pytest
from spacy.tokens import Span

import luke_allennlp

TEXT = "Nobody knew. Tavin Oakesh met Zoë in Valdoria.\n\nEdda Rask  sang 🎉."


@pytest.mark.parametrize("language", ["en", "de", "xx"])
def test_types_are_those_of_the_sentence(add, ruler, archives, language):
    nlp = ruler(language)
    add(nlp, "luke_types", threshold=0.3)
    doc = nlp(TEXT)
    assert [entity.text for entity in doc.ents] == ["Tavin Oakesh", "Zoë", "Valdoria", "Edda Rask"]
    model = luke_allennlp.load(archives["luke_entity_typing"], device="cpu").predictor
    for entity in doc.ents:
        sentence = entity.sent
        span = [entity.start_char - sentence.start_char, entity.end_char - sentence.start_char]
        assert sentence.text[slice(*span)] == entity.text
        probabilities = model.predict_json({"text": sentence.text, "span": span})["probabilities"]
        expected = {label: score for label, score in probabilities.items() if score >= 0.3}
        assert entity._.luke_types == pytest.approx(expected, abs=1e-4) and expected
        scores = list(entity._.luke_types.values())
        assert scores == sorted(scores, reverse=True)
    assert doc[:1]._.luke_types is None


def test_batches_and_documents_without_entities(add, ruler):
    nlp = ruler()
    add(nlp, "luke_types", threshold=0.0)
    texts = ["", " ", "Nobody.", TEXT, "Zoë"]
    docs = list(nlp.pipe(texts, batch_size=5))
    assert [len(doc.ents) for doc in docs] == [0, 0, 0, 4, 1]
    for doc, text in zip(docs, texts, strict=True):
        for entity, alone in zip(doc.ents, nlp(text).ents, strict=True):
            assert entity._.luke_types == pytest.approx(alone._.luke_types, abs=1e-4)


def test_span_groups_and_entities_beyond_their_sentence(add, ruler):
    nlp = ruler()
    add(nlp, "luke_types", threshold=0.0, spans_key="mine")
    doc = nlp.make_doc(TEXT)
    doc.spans["mine"] = [Span(doc, 1, 5, label="X"), Span(doc, 4, 5, label="Y")]
    nlp(doc)
    assert all(len(span._.luke_types) == 3 for span in doc.spans["mine"])
    assert "mine" not in nlp("Zoë").spans
