"""brat's standoff annotation: texts, with files of annotations beside them."""

import re
from pathlib import Path
from typing import Iterator, List, Set

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import check_span
from luke_allennlp.common.text_lines import read_lines, read_text, shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import Entity, FileForm, Reading, document_from_text

_SPANS = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")


def text_files(path: Path) -> Set[Path]:
    """The texts with annotations: in a directory, or of this file, which may be either of both."""
    if path.is_dir():
        return {file.with_suffix(".txt") for file in path.rglob("*.ann")}
    return {path.with_suffix(".txt")} if path.with_suffix(".ann").is_file() else set()


def read_brat(path: str, reading: Reading) -> List[Document]:
    """
    Reads `.txt` files with `.ann` files beside them in a directory and its subdirectories; or one such pair,
    given either file. Each text is a document, whose id is its name. A text without an `.ann` file has no
    labels. An entity whose fragments have only white space between them, such as a line end, is one span.
    """
    root, texts = Path(path), text_files(Path(path))
    if root.is_dir():
        texts.update(root.rglob("*.txt"))
    else:
        root = root.parent
    documents = []
    for text_file in sorted(texts):
        annotations = text_file.with_suffix(".ann")
        if not text_file.is_file():
            raise ConfigurationError(
                f"{annotations}: has no {text_file.name} beside it; expected the text that it annotates."
            )
        # brat counts both characters of CR LF.
        text = read_text(str(text_file), reading.encoding)
        is_labeled = annotations.is_file()
        entities = list(_entities(annotations, text, reading)) if is_labeled else []
        document = document_from_text(text, entities, reading, str(text_file))
        document.id = str(text_file.relative_to(root).with_suffix(""))
        document.unlabeled = None if is_labeled else f"there is no {annotations.name} beside it"
        documents.append(document)
    return documents


def _entities(path: Path, text: str, reading: Reading) -> Iterator[Entity]:
    for number, line in read_lines(str(path), reading.encoding):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        if line[0] in "REMAN#*":
            kind = "annotations are not entities (relations, events, attributes, notes) and are not read"
            reading.findings.add(kind, f"{where}: {shown(line)}")
            continue
        _, *fields = line.split("\t", 2)
        spans = _SPANS.fullmatch(fields[0].strip()) if line[0] == "T" and fields else None
        if spans is None:
            raise ConfigurationError(
                f"{where}: found {shown(line)}; expected an annotation of brat, such as 'T1<TAB>PER 0 "
                "5<TAB>Tavin'."
            )
        fragments = []
        for part in spans[2].split(";"):
            first, last = map(int, part.split())
            fragments.append(check_span(first, last, len(text), where))
        start, end = fragments[0][0], fragments[-1][1]
        covered = "".join(text[first:last] for first, last in fragments)
        has_gaps = "".join(covered.split()) != "".join(text[start:end].split())
        yield Entity(start, end, spans[1], fields[1] if len(fields) > 1 else None, where, has_gaps)


FORM = FileForm(name="brat's .txt with .ann", read=read_brat)
