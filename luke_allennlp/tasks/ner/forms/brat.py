"""brat's standoff annotation: texts, and files of annotations beside them."""

import re
from pathlib import Path
from typing import Iterator, List, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import read_lines, read_text, shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.building import Entity, checked_label, document_from_text
from luke_allennlp.tasks.ner.forms.form import Form, Reading, Source

_SPANS = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")
_OTHER = "annotations are no entities (relations, events, attributes, notes) and are not read"


def _annotation_files(path: Path) -> List[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.ann"))
    annotations = path.with_suffix(".ann")
    return [annotations] if path.suffix in (".ann", ".txt") and annotations.is_file() else []


def read_brat(source: Source, reading: Reading) -> List[Document]:
    """
    Reads a directory and those in it, of `.txt` files with `.ann` files beside them; or one such pair, named
    by either file.

    # Returns

    `List[Document]`
        One a text, in the order of their names; the name is the id. A text without an `.ann` file is there,
        without labels. An entity of several fragments with nothing but white space between them, such as a
        line end, is one span.

    # Raises

    `ConfigurationError`
        A text is missing, or an annotation is not as expected.
    """
    path = Path(source.path)
    found = _annotation_files(path)
    texts = {file.with_suffix(".txt") for file in found}
    if path.is_dir():
        texts.update(path.rglob("*.txt"))
    documents = []
    for text_file in sorted(texts):
        annotations = text_file.with_suffix(".ann")
        if not text_file.is_file():
            raise ConfigurationError(
                f"{annotations}: has no {text_file.name} beside it; expected the text that it annotates."
            )
        # brat counts both characters of a line end.
        text = read_text(str(text_file), reading.encoding)
        is_labeled = annotations.is_file()
        entities = list(_entities(annotations, text, reading)) if is_labeled else []
        root = path if path.is_dir() else path.parent
        documents.append(
            document_from_text(
                text,
                entities,
                reading,
                str(text_file),
                str(text_file.relative_to(root).with_suffix("")),
                None if is_labeled else f"there is no {annotations.name} beside it",
            )
        )
    return documents


def _entities(path: Path, text: str, reading: Reading) -> Iterator[Entity]:
    for number, line in read_lines(str(path), reading.encoding):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        if not line.startswith("T"):
            if line[0] not in "REMAN#*":
                raise ConfigurationError(
                    f"{where}: found {shown(line)}; expected an annotation of brat, such as 'T1<TAB>PER 0 "
                    "5<TAB>Tavin'."
                )
            reading.findings.add(_OTHER, f"{where}: {shown(line)}")
            continue
        fields = line.split("\t", 2)
        spans = _SPANS.fullmatch(fields[1].strip()) if len(fields) > 1 else None
        if spans is None:
            raise ConfigurationError(
                f"{where}: found {shown(line)}; expected an identifier, a tab, label, start and end, a tab "
                "and the text."
            )
        label, fragments = (
            checked_label(spans[1], where),
            [_fragment(part, len(text), where) for part in spans[2].split(";")],
        )
        start, end = fragments[0][0], fragments[-1][1]
        covered = "".join(text[first:last] for first, last in fragments)
        own_text = fields[2] if len(fields) > 2 else None
        has_gaps = "".join(covered.split()) != "".join(text[start:end].split())
        yield Entity(start, end, label, own_text, where, has_gaps)


def _fragment(part: str, length: int, where: str) -> Tuple[int, int]:
    start, end = map(int, part.split())
    if not 0 <= start < end <= length:
        raise ConfigurationError(
            f"{where}: start {start} and end {end} are no part of the text's {length} characters; expected 0 "
            "<= "
            f"start < end <= {length}, with the end exclusive."
        )
    return start, end


FORM = Form(
    name="brat's .txt with .ann",
    recognises=lambda source: source.records is None and bool(_annotation_files(Path(source.path))),
    read=read_brat,
)
