"""The forms in which NER data is published and exported, through the reader."""

import gzip
import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
import spacy
from allennlp.common.checks import ConfigurationError
from spacy.tokens import DocBin

from luke_allennlp.data.segmentation import SpacyRulesSegmenter
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms import FORMS, Reading, document_from_record
from luke_allennlp.tasks.ner.reader import NerReader

TEXT = "Edda Rask sang in Oslo. She left."
ENTITIES = [("PER", "Edda Rask"), ("LOC", "Oslo")]
TOKENS = ["Edda", "Rask", "sang", "in", "Oslo", "."]

Write = Callable[..., str]


def lines(*records: Any) -> str:
    return "\n".join(json.dumps(record) for record in records)


def entities(documents: List[Document]) -> List[Tuple[str, str]]:
    return [
        (span.label, " ".join(sentence.words[span.start : span.end]))
        for document in documents
        for sentence in document.sentences
        for span in sentence.spans
    ]


def region(start: int, end: int, label: str, **more: Any) -> Dict[str, Any]:
    return {"start": start, "end": end, "text": TEXT[start:end], "labels": [label], **more}


def studio_task(*annotations: Any, **data: str) -> Dict[str, Any]:
    return {"id": 7, "data": data or {"text": TEXT}, "annotations": list(annotations)}


def studio_annotation(*regions: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    return {"result": [{"type": "labels", "value": value} for value in regions], **more}


STUDIO = studio_annotation(region(0, 9, "PER"), region(18, 22, "LOC"))
RECORDS: Dict[str, Dict[str, Any]] = {
    "own text": {"text": TEXT, "entities": [[0, 9, "PER"], {"start": 18, "end": 22, "label": "LOC"}]},
    "own tokens": {"tokens": TOKENS, "spans": [[0, 2, "PER"], [4, 5, "LOC"]]},
    "own sentences": {"sentences": [TOKENS], "entities": [[[0, 2, "PER"], [4, 5, "LOC"]]]},
    "doccano label": {"id": 1, "text": TEXT, "label": [[0, 9, "PER"], [18, 22, "LOC"]]},
    "doccano labels": {"id": 1, "text": TEXT, "labels": [[0, 9, "PER"], [18, 22, "LOC"]]},
    "doccano data": {"id": 1, "data": TEXT, "label": [[0, 9, "PER"], [18, 22, "LOC"]]},
    "doccano entities": {
        "text": TEXT,
        "entities": [
            {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 9},
            {"id": 2, "label": "LOC", "start_offset": 18, "end_offset": 22},
        ],
        "relations": [],
    },
    "Label Studio": studio_task(STUDIO),
    "Label Studio, another name": studio_task(STUDIO, body=TEXT),
    "Label Studio, skipped": studio_task({"was_cancelled": True, "result": []}, STUDIO),
    "Label Studio min": {"text": TEXT, "label": [region(0, 9, "PER"), region(18, 22, "LOC")], "annotator": 1},
    "Label Studio min, other names": {"body": TEXT, "ner": [region(0, 9, "PER"), region(18, 22, "LOC")]},
    "IOB2": {"tokens": TOKENS, "ner_tags": ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]},
    "IOB1": {"tokens": TOKENS, "tags": ["I-PER", "I-PER", "O", "O", "I-LOC", "O"]},
    "BIOES": {"tokens": TOKENS, "labels": ["B-PER", "E-PER", "O", "O", "S-LOC", "O"]},
    "BILOU": {"id": "3", "tokens": TOKENS, "ner_tags": ["B-PER", "L-PER", "O", "O", "U-LOC", "O"]},
    "IO": {"tokens": TOKENS, "tags": ["PER", "PER", "O", "O", "LOC", "O"], "text": TEXT},
    "SciERC": {
        "doc_key": "d",
        "sentences": [["It", "rained", "."], TOKENS],
        "ner": [[], [[3, 4, "PER"], [7, 7, "LOC", 0.9]]],
        "relations": [[], []],
    },
}


class TestJson:
    @pytest.mark.parametrize("name", RECORDS)
    @pytest.mark.parametrize("as_array", [False, True])
    def test_is_recognised(self, reader: NerReader, write: Write, name: str, as_array: bool) -> None:
        records = [RECORDS[name]] * 2
        path = write(json.dumps(records, indent=1) if as_array else lines(*records))
        reader.check_file(path, training=True)
        assert entities(reader.read_documents(path)) == ENTITIES * 2

    def test_numbers_stand_for_label_names(
        self, tokenizer: WordTokenizer, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = write(lines({"tokens": TOKENS, "ner_tags": [1, 2, 0, 0, 3, 0]}))
        reader = NerReader(tokenizer, label_names=["O", "B-PER", "I-PER", "B-LOC"])
        assert entities(reader.read_documents(path)) == ENTITIES
        assert "label_names" not in caplog.text
        reader.read_documents(write(lines(RECORDS["IOB2"]), "tags.json"))
        assert "label_names is not used" in caplog.text
        for names, message in (
            (None, r"line 1: ner_tags\[0\] is the number 1; set `label_names`"),
            (["O", "B-PER", "I-PER"], r"ner_tags\[4\] is the number 3, but label_names has names for 0 to 2"),
        ):
            with pytest.raises(ConfigurationError, match=message):
                NerReader(tokenizer, label_names=names).check_file(path)

    def test_what_label_studio_has_besides_is_reported(
        self, reader: NerReader, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        annotation = {"result": [*STUDIO["result"], {"type": "choices", "value": {"choices": ["good"]}}]}
        path = write([studio_task(annotation, studio_annotation())])
        assert entities(reader.read_documents(path)) == ENTITIES
        assert "1 tasks have several annotations, of which the first is read: record 1" in caplog.text
        assert "1 results are not labelled spans and are not read: record 1" in caplog.text

    def test_tasks_without_entities_are_labeled(self, reader: NerReader, write: Write) -> None:
        for first, second in (
            (studio_task(STUDIO), studio_task(studio_annotation())),
            (RECORDS["Label Studio min"], {"text": "No one.", "id": 2, "annotation_id": 3}),
            # Empty lists of entities are of any form.
            ({"text": "No.", "entities": []}, RECORDS["doccano entities"]),
            ({"text": "No.", "label": []}, RECORDS["doccano label"]),
        ):
            reader.check_file(write([first, second]))
        with pytest.raises(ConfigurationError, match="record 2: is without labels.*no annotation"):
            reader.check_file(write([studio_task(STUDIO), studio_task()]))

    @pytest.mark.parametrize(
        ("record", "message"),
        [
            ({"text": "a", "entites": [[0, 1, "X"]]}, "Is 'entites' meant to be 'entities'?"),
            ({"tokens": ["a"], "ner_tag": ["O"]}, "Is 'ner_tag' meant to be 'ner_tags'?"),
            ({"text": "a", "label": "good"}, "'label' is 'good', not a list of entities"),
            ({"text": "a"}, "found only the keys 'text'"),
            ({"text": "a", "head": [0, 1], "tail": [0, 1]}, "data for the reader 'luke_relation"),
            ({"id": 1, "data": {"text": "a"}}, "found only the keys 'id', 'data'"),
            ({"sentences": [["a"]], "clusters": []}, "found only the keys 'sentences', 'clusters'"),
        ],
    )
    def test_records_without_gold_are_for_prediction(
        self, reader: NerReader, write: Write, record: Dict[str, Any], message: str
    ) -> None:
        path = write(lines(record))
        with pytest.raises(ConfigurationError, match=f"line 1: is without labels.*{message}"):
            reader.check_file(path)
        [instance] = reader.read(path)
        assert instance["metadata"].metadata["words"] == ["a"] and "labels" not in instance.fields

    @pytest.mark.parametrize("name", RECORDS)
    def test_predictions_ignore_gold(self, name: str) -> None:
        keys = ("label", "labels", "entities", "spans", "ner_tags", "tags", "ner")
        broken = {key: ["?"] if key in keys else value for key, value in RECORDS[name].items()}
        if name == "Label Studio min, other names":
            broken["ner"] = RECORDS[name]["ner"]  # these tell what it is
        document = document_from_record(broken, "input 1", Reading(SpacyRulesSegmenter()))
        assert "Oslo" in [word for sentence in document.sentences for word in sentence.words]

    def test_empty_tokens_are_an_empty_text(
        self, reader: NerReader, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        empty: List[Dict[str, Any]] = [{"tokens": [], "entities": []}, {"text": "", "entities": []}]
        documents = reader.read_documents(write(lines(*empty, RECORDS["own text"])))
        assert [len(document.sentences) for document in documents] == [0, 0, 2]
        assert "2 records have no words: line 1; line 2" in caplog.text

    @pytest.mark.parametrize(
        ("record", "message"),
        [
            ({"tokens": ["a", "b"], "tags": ["O"]}, "'tags' has 1 items and 'tokens' 2"),
            ({"tokens": ["a"], "tags": ["B-"]}, r"tags\[0\] is 'B-', no entity type follows the hyphen"),
            ({"text": "a b", "label": [[0, 9, "X"]]}, r"label\[0\] has start 0 and end 9"),
            ({"text": "a", "entities": [{"start_offset": 0, "end_offset": 1}]}, "'label' is missing"),
            (studio_task(studio_annotation({**region(0, 4, "X"), "labels": []})), "has no label"),
            (studio_task(STUDIO, a="x", b="y"), "not clear which of the keys 'a', 'b' holds the text"),
            (
                {"sentences": [["a"], ["b"]], "ner": [[], [[0, 0, "X"]]]},
                r"sentence 1, ner\[0\]: the tokens 0",
            ),
            ({"sentences": [["a"], ["b"]], "ner": [[]]}, "'sentences' has 2 items and 'ner' 1"),
        ],
    )
    def test_mistakes(self, reader: NerReader, write: Write, record: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=f"data.json, line 1.*{message}"):
            reader.check_file(write(lines(record)))


class TestBrat:
    @pytest.fixture
    def corpus(self, tmp_path: Path) -> Path:
        (tmp_path / "b").mkdir()
        (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
        (tmp_path / "a.ann").write_text(
            "T1\tPER 0 9\tEdda Rask\nT2\tLOC 18 22\tOslo\nR1\tLives Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes "
            "T1\t?\n"
        )
        (tmp_path / "b" / "c.txt").write_bytes("Zoë\r\nof Port\r\nVelmar won.".encode())
        (tmp_path / "b" / "c.ann").write_bytes(
            "T1\tPER 0 3\tZoë\r\nT2\tLOC 8 12;14 20\tPort Velmar\r\nT3\tX 0 3;21 24\tZoë won\r\n".encode()
        )
        return tmp_path

    def test_directory(
        self, tokenizer: WordTokenizer, corpus: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        segmenter = SpacyRulesSegmenter(split_lines=False)
        documents = NerReader(tokenizer, segmenter=segmenter).read_documents(str(corpus))
        assert [document.id for document in documents] == ["a", "b/c"]
        assert entities(documents) == [*ENTITIES, ("PER", "Zoë"), ("LOC", "Port Velmar")]
        assert (
            "1 entities have gaps, cannot be found, and count as missed: b/c.ann, line 3: 'Zoë won'"
            in caplog.text
        )
        assert "2 annotations are not entities" in caplog.text
        assert [s.unaligned for document in documents for s in document.sentences if s.unaligned] == [
            [(0, 24, "X")]
        ]

    @pytest.mark.parametrize("name", ["a.ann", "a.txt"])
    def test_file(self, reader: NerReader, corpus: Path, name: str) -> None:
        reader.check_file(str(corpus / name), training=True)
        assert entities(reader.read_documents(str(corpus / name))) == ENTITIES

    def test_mistakes(self, reader: NerReader, corpus: Path) -> None:
        text, annotations = corpus / "d.txt", corpus / "d.ann"
        for content, message in (
            (None, r"d\.txt: is without labels.*there is no d\.ann beside it"),
            ("T1 PER 0 2\n", r"d\.ann, line 1: found 'T1 PER 0 2'"),
            ("T1\tPER 0 99\tNo\n", r"d\.ann, line 1 has start 0 and end 99"),
        ):
            text.write_text("No annotation.")
            if content:
                annotations.write_text(content)
            with pytest.raises(ConfigurationError, match=message):
                reader.check_file(str(corpus))
        text.unlink()
        with pytest.raises(ConfigurationError, match=r"d\.ann: has no d\.txt beside it"):
            reader.check_file(str(corpus))


class TestDocBin:
    @pytest.mark.parametrize("as_groups", [False, True])
    def test_entities(self, reader: NerReader, tmp_path: Path, as_groups: bool) -> None:
        nlp = spacy.blank("en")
        doc, nothing = nlp("Edda Rask  sang in Oslo. She left."), nlp("It rained.")
        spans = [doc.char_span(0, 9, "PER"), doc.char_span(19, 23, "LOC")]
        if as_groups:
            doc.spans["sc"], nothing.spans["sc"] = [*spans, doc.char_span(0, 4, "FIRST")], []
        else:
            doc.set_ents(spans)
            nothing.set_ents([])
        path = tmp_path / "data.spacy"
        DocBin(docs=[doc, nothing]).to_disk(path)
        reader.check_file(str(path), training=True)
        first, _ = documents = reader.read_documents(str(path))
        assert set(entities(documents)) == {*ENTITIES, *([("FIRST", "Edda")] if as_groups else [])}
        assert [sentence.words for sentence in first.sentences] == [TOKENS, ["She", "left", "."]]
        assert [first.text[s:e] for s, e in first.sentences[1].offsets or ()] == ["She", "left", "."]

    def test_an_entity_over_two_sentences_is_missed(
        self, reader: NerReader, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        doc = spacy.blank("en")("Edda sang. She left.")
        doc.set_ents([doc.char_span(5, 14, "X")])
        DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
        [document] = reader.read_documents(str(tmp_path / "data.spacy"))
        assert [sentence.unaligned for sentence in document.sentences] == [[(5, 14, "X")], []]
        assert "1 entities go beyond their sentence" in caplog.text

    def test_without_annotation_and_damaged(self, reader: NerReader, tmp_path: Path) -> None:
        path = tmp_path / "data.spacy"
        DocBin(docs=[spacy.blank("en")("Edda sang.")]).to_disk(path)
        with pytest.raises(ConfigurationError, match=r"document 1: is without labels.*neither doc\.ents"):
            reader.check_file(str(path))
        path.write_bytes(path.read_bytes()[:40])
        with pytest.raises(ConfigurationError, match="is damaged, or no DocBin"):
            reader.check_file(str(path))


PYTHON = '[("Tavin Oakesh spoke.", {"entities": [(0, 12, "PER")]}),\n("Edda sang.", {"entities": []})]\n'
ONTONOTES = (
    "#begin document (bc/x); part 0\nbc/x 0 0 Edda NNP (PERSON* -\nbc/x 0 1 Rask NNP *) -\n\n#end document\n"
)


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (PYTHON, "looks like Python code with tuples"),
            ([["Edda sang.", {"entities": [[0, 4, "PER"]]}]], "is an array of arrays, as spaCy's"),
            ("word,tag\nTavin,B-PER\nspoke,O\n", "looks like CSV with ','"),
            ('text;label\n"Tavin; spoke";PER\nEdda sang;PER\n', "looks like CSV with ';'"),
            ("Sentence #,Word,Tag\nSentence: 1,In,O\n,London,B-geo\n", "looks like CSV with ','"),
            (ONTONOTES, "column 6 holds no tags.*looks like OntoNotes' brackets"),
            ("Tavin Oakesh spoke in Valdoria.\nEdda Rask sang there too.\n", "looks like prose"),
            ('Yesterday <ENAMEX TYPE="PERSON">Edda</ENAMEX> sang.\n', "looks like XML, HTML"),
            ('1\t"The <e1>lamp</e1> on <e2>it</e2>."\nOther\nComment:\n', "looks like data for relation"),
            ([{"token": ["a"], "subj_start": 0, "obj_start": 0}], "data for the reader 'luke_relation"),
            ({"version": "1.1", "data": [{"paragraphs": []}]}, "data for the reader 'luke_reading"),
            ([{"sent": "a", "start": 0, "end": 1}], "It is data for the reader 'luke_entity_typing'"),
            ([{"token": ["a"], "entities": []}], "Is 'token' meant to be 'tokens'?"),
            ([{"a": 1, "b": 2}], "is not NER data in a known format: its keys are 'a', 'b'"),
            ('{text: "a", entities: []}\n', "line 1: is not JSON"),
            (
                {"tokens": [["a"]], "ner_tags": [[0]]},
                r"ner_tags\[0\] is \[0\]; expected a string or a number",
            ),
            (
                lines(RECORDS["own text"], RECORDS["doccano label"]),
                "has the structure of doccano's export and",
            ),
            ("Tavin NNP\nspoke VBD\n", "column 1 holds no tags.*Set `tag_column`"),
            (b"PAR1\x15\xff", "is no text, but a Parquet file"),
            (b"PK\x03\x04\xff", "is no text, but a zip archive"),
            (gzip.compress(b"Tavin B-PER\n" * 999, mtime=0)[:30], "is damaged; gzip cannot unpack it"),
        ],
    )
    def test_says_what_was_found(self, reader: NerReader, write: Write, content: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=f"data.json.*{message}") as error:
            reader.check_file(write(content))
        if "looks like" in message:
            assert all(form.name in str(error.value) for form in FORMS)

    @pytest.mark.parametrize("tag_scheme", ["auto", "IOB1"])
    def test_swapped_columns(self, tokenizer: WordTokenizer, write: Write, tag_scheme: str) -> None:
        path = write("B-PER Tavin\nI-PER Oakesh\nO spoke\nO by\nO E-mail\n\nB-LOC Oslo\n", "data.conll")
        with pytest.raises(
            ConfigurationError,
            match=r"column 1 holds no tags \('Tavin' on line 1\), but column 0 does; set `tag_column` to 0",
        ):
            NerReader(tokenizer, tag_scheme=tag_scheme).check_file(path)
        documents = NerReader(tokenizer, word_column=1, tag_column=0).read_documents(path)
        assert entities(documents) == [("PER", "Tavin Oakesh"), ("LOC", "Oslo")]

    def test_empty_directory(self, reader: NerReader, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"is a directory without any \.ann file"):
            reader.check_file(str(tmp_path))

    def test_gzip_is_read(self, reader: NerReader, write: Write) -> None:
        for content in ("Edda B-PER\nRask I-PER\nof O\nOslo B-LOC\n", lines(RECORDS["own text"])):
            assert entities(reader.read_documents(write(gzip.compress(content.encode())))) == ENTITIES


class TestGold:
    """What is checked in every form."""

    def test_own_text_is_compared(
        self, reader: NerReader, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = [{"start": 0, "end": 4, "label": "PER", "text": "Tavin"}]
        tokens = [{"start": 0, "end": 2, "label": "PER", "text": "EddaRask"}]
        reader.read_documents(write(lines({"text": TEXT, "entities": own}, RECORDS["own text"])))
        assert "1 entities have a text that differs" in caplog.text
        assert "line 1, entities[0]: 'Tavin', where 'Edda' is" in caplog.text
        caplog.clear()
        reader.read_documents(write(lines({"tokens": TOKENS, "entities": tokens})))
        assert not caplog.records

    def test_two_labels_of_one_span(
        self, tokenizer: WordTokenizer, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        spans = [[0, 9, "SPEAKER"], [0, 9, "PER"], [18, 22, "LOC"], [18, 22, "LOC"]]
        path = write(lines({"text": TEXT, "entities": spans}))
        message = "data.json, line 1: the span 0-2 has the labels 'SPEAKER' and 'PER'"
        with pytest.raises(ConfigurationError, match=message):
            NerReader(tokenizer).check_file(path)
        first = NerReader(tokenizer, duplicate_spans="first")
        assert entities(first.read_documents(path)) == [("SPEAKER", "Edda Rask"), ("LOC", "Oslo")]
        assert "1 spans have several labels, of which the first is kept: line 1: 0-2 is" in caplog.text
        mapped = NerReader(tokenizer, label_map={"SPEAKER": None, "LOC": "PLACE"})
        assert entities(mapped.read_documents(path)) == [("PER", "Edda Rask"), ("PLACE", "Oslo")]

    def test_nil_is_no_label(self, tokenizer: WordTokenizer, write: Write) -> None:
        nil, person = write("Edda B-NIL\nsang O\n", "nil.conll"), write("Edda B-PER\n", "per.conll")
        for path, label_map in ((nil, None), (person, {"PER": "NIL"})):
            with pytest.raises(ConfigurationError, match="line 1: the entity at 0-1 has the label 'NIL'"):
                NerReader(tokenizer, label_map=label_map).check_file(path)
        documents = NerReader(tokenizer, label_map={"NIL": "PER"}).read_documents(nil)
        assert entities(documents) == [("PER", "Edda")]

    def test_a_training_file_needs_entities(self, tokenizer: WordTokenizer, write: Write) -> None:
        reader = NerReader(tokenizer)
        for content in ("Edda O\nsang O\n", lines({"text": "Edda sang", "entities": []})):
            path = write(content)
            reader.check_file(path)  # one can evaluate on it
            with pytest.raises(ConfigurationError, match="has no entity in its 1 sentences"):
                reader.check_file(path, training=True)
        with pytest.raises(
            ConfigurationError, match="none of its 1 entities starts and ends with words.*segmenter"
        ):
            reader.check_file(write(lines({"text": "Eddasang", "label": [[0, 4, "PER"]]})), training=True)
        with pytest.raises(ConfigurationError, match="`label_map`"):
            NerReader(tokenizer, label_map={"PER": None}).check_file(write("Edda B-PER\n"), training=True)


def test_a_pipe_cannot_be_read_twice(tokenizer: WordTokenizer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="pipe: is a pipe.*write it to a file"):
        NerReader(tokenizer).read_documents(str(tmp_path / "pipe"))
