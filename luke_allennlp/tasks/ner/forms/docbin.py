"""spaCy's DocBin (`.spacy`), which its training reads."""

from typing import TYPE_CHECKING, Iterable, List

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import NO_WORDS, Entity, FileForm, Reading, sentence_from_tokens

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span

ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How zlib's data starts, and thereby a DocBin."""
_LEFT_SENTENCE = "entities go beyond their sentence, cannot be found, and count as missed"


def read_docbin(path: str, reading: Reading) -> List[Document]:
    """
    Reads the documents of a DocBin with their own tokens. The gold entities are `doc.ents`, or all of
    `doc.spans` if `doc.ents` is not annotated. Documents without sentence boundaries are split by spaCy's
    `sentencizer`.
    """
    import spacy
    from spacy.pipeline import Sentencizer
    from spacy.tokens import DocBin

    try:
        docs = list(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))
    except Exception as error:  # zlib's, msgpack's, spaCy's and NumPy's own
        raise ConfigurationError(
            f"{path}: is damaged, or no DocBin of spaCy ({type(error).__name__}: {shown(str(error))}); write "
            "it again with DocBin(docs=docs).to_disk(...)."
        ) from None
    sentencizer = Sentencizer()
    documents = []
    for index, doc in enumerate(docs):
        where = f"{path}, document {index + 1}"
        if not doc.has_annotation("SENT_START"):
            doc = sentencizer(doc)
        documents.append(_document(doc, str(index), where, reading))
        if not documents[-1].sentences:
            reading.findings.add(NO_WORDS, where)
    return documents


def _document(doc: "Doc", document_id: str, where: str, reading: Reading) -> Document:
    document = Document(document_id, [], doc.text, where)
    gold: Iterable["Span"] = doc.ents
    if not doc.has_annotation("ENT_IOB"):
        gold = [span for group in doc.spans.values() for span in group]
        if not doc.spans:
            document.unlabeled = "neither doc.ents nor doc.spans is set"
    spans = [span for span in gold if span.text.strip()]
    for sentence in doc.sents:
        # Numbers of tokens that are words; white space is a token in spaCy.
        words = [token for token in sentence if not token.is_space]
        if not words:
            continue
        places = {token.i: place for place, token in enumerate(words)}
        entities, left = [], []
        for span in spans:
            inside = [places[token.i] for token in span if token.i in places]
            if not inside:
                continue
            if sum(not token.is_space for token in span) == len(inside):
                entities.append(Entity(inside[0], inside[-1] + 1, span.label_, where=where))
            elif span.start >= sentence.start:  # once, where it starts
                left.append((span.start_char, span.end_char, span.label_))
                reading.findings.add(_LEFT_SENTENCE, f"{where}: {shown(span.text)} ({span.label_})")
        made = sentence_from_tokens([token.text for token in words], entities, reading, where)
        made.offsets = [(token.idx, token.idx + len(token)) for token in words]
        made.unaligned = left
        document.sentences.append(made)
    return document


FORM = FileForm(name="spaCy's DocBin (.spacy)", read=read_docbin)
