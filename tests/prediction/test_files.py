"""`allennlp predict` on files of all formats, read again by the reader."""

import io
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

import pytest
from allennlp.models import load_archive

from luke_allennlp.commands.show_entities import read_predictions
from tests.archives import pack, unpack
from tests.conftest import Command, Finished, allennlp_in_process

TEXTS = [
    "Zoë left Vexford with Rask 🎉. Zoë won.",
    "",
    "Edda Rask  left\tVexford. She won 🏆 in Port\u00a0Velmar.",
    "a\u200b b # O",
]

Predict = Callable[..., Finished]


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Predict:
    run: Command = allennlp_in_process(monkeypatch, capfd)
    monkeypatch.chdir(tmp_path)

    def command(archive: Path, *arguments: str) -> Finished:
        return run("predict", str(archive), *arguments, "--silent", "--include-package", "luke_allennlp")

    (tmp_path / "in.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return command


@pytest.fixture(scope="module")
def nested_archive(ner_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = unpack(ner_archive, tmp_path_factory.mktemp("nested"))
    config = json.loads((place / "config.json").read_text())
    config["model"]["flat"] = False
    (place / "config.json").write_text(json.dumps(config))
    return pack(place, tmp_path_factory.mktemp("packed") / "model.tar.gz")


Found = List[Set[Tuple[str, ...]]]


def read(archive: Path, path: str) -> Found:
    """Of each text with words, the entities that the archive's reader finds in a file: words and label."""
    reader: Any = load_archive(archive).dataset_reader
    documents = [document for document in reader.read_documents(path) if document.sentences]
    assert all(document.unlabeled is None for document in documents)
    assert not any(sentence.unaligned for document in documents for sentence in document.sentences)
    return [
        {
            # What is invisible between two words is a token in spaCy.
            (*(word for word in sentence.words[start:end] if word.strip(" \u200b")), label)
            for sentence in document.sentences
            for start, end, label in sentence.spans
        }
        for document in documents
    ]


def expected(archive: Path, path: str) -> Found:
    """The same of the JSON lines that were predicted."""
    reader: Any = load_archive(archive).dataset_reader
    found: Found = []
    for line in Path(path).read_text().splitlines():
        output = json.loads(line)
        document = reader.document_from_json({"text": output["text"]}, "")
        if document.sentences:
            entities = [(e["sentence"], e["words"], e["label"]) for e in output["entities"]]
            found.append({(*document.sentences[s].words[slice(*w)], label) for s, w, label in entities})
    return found


@pytest.mark.parametrize("format, name", [("conll", "out.conll"), ("docbin", "out.spacy"), ("brat", "out")])
@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_written_and_read_again(
    predict: Predict,
    ner_archive: Path,
    nested_archive: Path,
    format: str,
    name: str,
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = ner_archive if kind == "flat" else nested_archive
    finished = predict(archive, "in.txt", "--output-file", "out.jsonl")
    assert finished.status == 0, finished.err
    assert [text for text, _ in read_predictions("out.jsonl")] == TEXTS
    finished = predict(archive, "in.txt", "--output-format", format, "--output-file", name)
    assert finished.status == 0, finished.err
    written, predicted = read(archive, name), expected(archive, "out.jsonl")
    assert len(written) == len(predicted) == 3 and all(predicted)
    if kind == "nested" and format == "conll":
        assert all(some < all_ for some, all_ in zip(written, predicted, strict=True))
        assert "entities overlap more probable ones and are left out" in caplog.text
    else:
        assert written == predicted
    if format == "brat":
        assert [Path(f"out/{n:06}.txt").read_text() for n in (1, 2, 3, 4)] == TEXTS
    if format == "docbin":
        import spacy
        from spacy.tokens import DocBin

        docs = list(DocBin().from_disk(name).get_docs(spacy.blank("en").vocab))
        assert [doc.text for doc in docs] == TEXTS


def test_lines_of_several_sentences_and_files(predict: Predict, ner_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "texts/a").mkdir(parents=True)
    text = "Zoë left\r\nVexford. She\n\nwon in Port Velmar."
    (tmp_path / "texts/a/one.txt").write_bytes(text.encode())
    for format, name in (("jsonl", "out.jsonl"), ("brat", "out")):
        finished = predict(ner_archive, "texts", "--output-format", format, "--output-file", name)
        assert finished.status == 0, finished.err
    output = json.loads(Path("out.jsonl").read_text())
    assert output["text"] == text and output["file"] == "a/one.txt"
    for entity in output["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
    assert Path("out/a/one.txt").read_bytes() == text.encode()
    assert read(ner_archive, "out") == expected(ner_archive, "out.jsonl")


def test_tables_keep_their_columns(predict: Predict, ner_archive: Path) -> None:
    Path("in.csv").write_text('id,body,label\n7,"Zoë left, she\n won",x\n', encoding="utf-8")
    finished = predict(ner_archive, "in.csv", "--text-column", "body", "--output-file", "out.jsonl")
    assert finished.status == 0, finished.err
    output = json.loads(Path("out.jsonl").read_text())
    assert output["text"] == "Zoë left, she\n won"
    assert (output["id"], output["label"]) == ("7", "x") and output["entities"]


def test_columns_to_standard_output(
    predict: Predict, ner_archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = allennlp_in_process(monkeypatch, capfd)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Zoë left.\n".encode())))
    arguments = ("--input-format", "txt", "--output-format", "conll", "--include-package", "luke_allennlp")
    finished = run("predict", str(ner_archive), "-", *arguments)
    assert finished.status == 0, finished.err
    columns = finished.out[finished.out.index("-DOCSTART-") :]
    assert columns.startswith("-DOCSTART-\tO\n\nZoë\t") and "prediction:" not in finished.out


def test_words_that_are_no_columns(predict: Predict, ner_archive: Path) -> None:
    Path("in.txt").write_text("Zoë left.\nof -DOCSTART- lines\n", encoding="utf-8")
    finished = predict(ner_archive, "in.txt", "--output-format", "conll", "--output-file", "out.conll")
    assert finished.status == 1 and "'-DOCSTART-' with the tag" in finished.error
    assert not Path("out.conll").exists()


def test_a_labelled_file(predict: Predict, ner_archive: Path) -> None:
    Path("in.conll").write_text("Zoë\tO\nleft\tO\n\nRask\tO\n", encoding="utf-8")
    options = ("--use-dataset-reader", "--output-format", "conll", "--output-file", "out.conll")
    finished = predict(ner_archive, "in.conll", *options)
    assert finished.status == 0, finished.err
    lines = Path("out.conll").read_text().split("\n")
    assert [line.split("\t")[0] for line in lines if line and "DOCSTART" not in line] == [
        "Zoë",
        "left",
        "Rask",
    ]


def test_relations(predict: Predict, archive_of: Callable[[str], Path]) -> None:
    archive = archive_of("relation_classification")
    Path("in.csv").write_text(
        'text,head,tail,id\nEdda Rask leads AVR.,"[0, 9]","[16, 19]",n1\n', encoding="utf-8"
    )
    assert predict(archive, "in.csv", "--output-format", "brat", "--output-file", "out").status == 0
    assert Path("out/n1.ann").read_text().startswith("T1\tHead 0 9\tEdda Rask\nT2\tTail 16 19\tAVR\n")
    assert predict(archive, "in.csv", "--output-file", "out.jsonl").status == 0
    output: Dict[str, Any] = json.loads(Path("out.jsonl").read_text())
    assert output["head"]["text"] == "Edda Rask" and output["id"] == "n1"
    finished = predict(archive, "in.txt", "--output-file", "out2.jsonl")
    assert finished.status == 1 and "in.txt: has a text for each input" in finished.error
    finished = predict(archive, "in.csv", "--output-format", "conll", "--output-file", "out.conll")
    assert finished.status == 1 and "--output-format conll is for luke_ner" in finished.error
    assert not Path("out.conll").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("in.txt", "--output-format", "docbin"), "--output-format docbin needs --output-file"),
        (("in.txt", "--output-format", "brat", "--output-file", "."), ".: is there already"),
        (
            ("in.txt", "--use-dataset-reader", "--whole-file"),
            "--whole-file is given, and --use-dataset-reader",
        ),
        (("none.txt", "--output-file", "a"), "none.txt"),
    ],
)
def test_refused_before_anything_runs(predict: Predict, arguments: Tuple[str, ...], message: str) -> None:
    finished = predict(Path("no-archive.tar.gz"), *arguments)
    assert finished.status == 1 and message in finished.error


def test_half_written(predict: Predict, ner_archive: Path) -> None:
    Path("bad.csv").write_text("id,text\n1,Zoë left\n2,a,b\n", encoding="utf-8")
    finished = predict(ner_archive, "bad.csv", "--output-file", "out.jsonl")
    assert finished.status == 1 and "bad.csv, line 3" in finished.error
    assert len(Path("out.jsonl").read_text().splitlines()) == 1
    for format, name in (("conll", "out.conll"), ("docbin", "out.spacy"), ("brat", "out")):
        finished = predict(ner_archive, "bad.csv", "--output-format", format, "--output-file", name)
        assert finished.status == 1 and f"Nothing is written to {name}." in finished.error
        assert not Path(name).exists()
