"""`luke_relations` in spaCy's pipelines."""

import pytest
from allennlp.common.checks import ConfigurationError
from spacy.tokens import Doc

import luke_allennlp

TEXT = "Nobody knew. Tavin Oakesh met Zoë in Valdoria.\n\nEdda Rask  sang 🎉 in Port Velmar."


def rows(doc):
    return [(head.text, tail.text, label) for head, tail, label, _ in doc._.luke_relations]


@pytest.fixture
def found(ruler, archives):
    """What the model finds for all pairs of a sentence."""
    nlp = ruler()
    model = luke_allennlp.load(archives["luke_relation_classification"], device="cpu")
    relations = []
    for sentence in nlp(TEXT).sents:
        for head in sentence.ents:
            for tail in sentence.ents:
                if head != tail:
                    head_span, tail_span = (
                        [span.start_char - sentence.start_char, span.end_char - sentence.start_char]
                        for span in (head, tail)
                    )
                    relation = model({"text": sentence.text, "head": head_span, "tail": tail_span})
                    if relation.label != "no_relation":
                        relations.append((head.text, tail.text, relation.label))
    return relations


@pytest.mark.parametrize("language", ["en", "de", "xx"])
def test_pairs_of_a_sentence(add, ruler, found, language):
    nlp = ruler(language)
    add(nlp, "luke_relations")
    doc = nlp(TEXT)
    assert sorted(rows(doc)) == sorted(found) != []
    relation = doc._.luke_relations[0]
    assert relation.head in doc.ents and relation.tail in doc.ents and 0 < relation.score <= 1
    assert relation.head.label_ == "PER"


def test_order_of_the_text(add, ruler, found):
    nlp = ruler()
    add(nlp, "luke_relations", order="text")
    expected = [row for row in found if TEXT.index(row[0]) < TEXT.index(row[1])]
    assert sorted(rows(nlp(TEXT))) == sorted(expected)


def test_distance_and_threshold(add, ruler, found):
    nlp = ruler()
    component = add(nlp, "luke_relations", max_distance=1)
    assert sorted(rows(nlp(TEXT))) == sorted(row for row in found if {"Zoë"} & {*row[:2]})
    component.threshold = 1.0
    assert rows(nlp(TEXT)) == []


def test_documents_without_pairs(add, ruler):
    nlp = ruler()
    add(nlp, "luke_relations")
    docs = list(nlp.pipe(["", " ", "Zoë sang. Edda Rask sang.", TEXT]))
    assert [len(doc._.luke_relations) > 0 for doc in docs] == [False, False, False, True]


def test_documents_can_be_stored(add, ruler):
    nlp = ruler()
    add(nlp, "luke_relations")
    doc = nlp(TEXT)
    assert rows(Doc(nlp.vocab).from_bytes(doc.to_bytes())) == rows(doc) != []


@pytest.mark.parametrize("option, value", [("order", "backwards"), ("max_distance", -1)])
def test_options_are_checked(add, ruler, option, value):
    with pytest.raises(ConfigurationError, match=f"{option} is {value!r}"):
        add(ruler(), "luke_relations", **{option: value})
