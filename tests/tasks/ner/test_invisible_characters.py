"""Characters that take no room, in every form of data that is read."""

from typing import Callable, List

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.segmentation import INVISIBLE_SEPARATORS
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.predictor import NerPredictor
from luke_allennlp.tasks.ner.reader import NerReader
from tests.tasks.support import make_model, vocabulary_of

Write = Callable[..., str]

TEXT = "\ufeffHe met\u200bTavin\u200bOakesh\u200b today, co\u00adoperating with \ufeffEdda Rask\u2060."
WORDS = "He met Tavin Oakesh today , co\u00adoperating with Edda Rask .".split()


def read(reader: NerReader, path: str) -> List[Document]:
    list(reader.read(path))  # as instances too
    return reader.read_documents(path)


def test_text(reader: NerReader, write: Write) -> None:
    spans = [(TEXT.index(text), TEXT.index(text) + len(text)) for text in ("Tavin\u200bOakesh", "Edda Rask")]
    # The characters around an entity do not matter.
    for wider in (0, 1):
        entities = [[start - wider, end + wider, "PER"] for start, end in spans]
        record = {"text": TEXT, "entities": entities}
        [document] = read(reader, write(record))
        [sentence] = document.sentences
        assert sentence.words == WORDS
        assert [WORDS[start:end] for start, end, _ in sentence.spans] == [
            ["Tavin", "Oakesh"],
            ["Edda", "Rask"],
        ]
        assert sentence.unaligned == []
        assert [TEXT[start:end] for start, end in sentence.offsets or []] == WORDS


def test_nothing_visible_is_no_entity(reader: NerReader, write: Write) -> None:
    record = {"text": "a \u200b\u2060 b", "entities": [[1, 4, "PER"]]}
    with pytest.raises(
        ConfigurationError, match=r"line 1, entities\[0\]: covers ' \\u200b\\u2060', white space"
    ):
        read(reader, write(record))


def test_joined_json_lines(reader: NerReader, write: Write) -> None:
    documents = read(reader, write('\ufeff{"text": "Ana left."}\n\ufeff{"text": "Oslo"}\n'))
    assert [document.text for document in documents] == ["Ana left.", "Oslo"]


@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize("character", INVISIBLE_SEPARATORS + "\u00ad\u200d")
def test_words_of_columns_are_as_given(
    reader: NerReader, write: Write, separator: str, character: str
) -> None:
    words = ["Edda", character, f"Rask{character}", "left"]
    lines = [f"{word}{separator}{tag}\n" for word, tag in zip(words, ["B-X", "I-X", "I-X", "O"], strict=True)]
    [document] = read(reader, write("".join(lines)))
    assert document.sentences[0].words == words
    assert document.sentences[0].spans == [(0, 3, "X")]


@pytest.mark.parametrize("character", INVISIBLE_SEPARATORS)
def test_lines_without_anything_visible_end_sentences(
    reader: NerReader, write: Write, character: str
) -> None:
    content = f"-DOCSTART- O\n\nAna O\n{character}\nleft O\n\ufeff-DOCSTART- O\n\n\ufeffOslo B-LOC\n"
    documents = read(reader, write(content))
    assert [[sentence.words for sentence in document.sentences] for document in documents] == [
        [["Ana"], ["left"]],
        [["Oslo"]],
    ]


def test_tokens_are_as_given(reader: NerReader, write: Write) -> None:
    tokens = ["\u200b", "Edda\ufeff", "\u00ad", "\u2060"]
    record = {"tokens": tokens, "entities": [[1, 2, "PER"]]}
    [document] = read(reader, write(record))
    assert document.sentences[0].words == tokens


def test_predicted_entities_begin_and_end_visibly(reader: NerReader) -> None:
    model = make_model("luke_ner", vocabulary_of(["NIL", "PER"]), flat=False)
    model.classifier.bias.data.copy_(model.classifier.bias.new_tensor([-9.0, 9.0]))  # all are persons
    predictor = NerPredictor(model, reader)
    output = predictor.predict(TEXT)
    assert output["text"] == TEXT
    found = {TEXT[entity["start"] : entity["end"]] for entity in output["entities"]}
    assert {"met", "Tavin\u200bOakesh", "Edda Rask", "co\u00adoperating"} <= found
    assert len(output["entities"]) > 50
    assert not any({text[0], text[-1]} & {*INVISIBLE_SEPARATORS, " "} for text in found)
    assert predictor.predict("\u200b \ufeff")["entities"] == []
