"""Documents out of texts with character spans, and sentences out of tokens with token spans."""

from bisect import bisect_right
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, check_span, get_list
from luke_allennlp.common.text_lines import shown, without_lone_surrogates
from luke_allennlp.data.segmentation import strip_span
from luke_allennlp.tasks.ner.examples import Document, LabeledSpan, Sentence
from luke_allennlp.tasks.ner.forms.form import Findings, Reading

UNALIGNED = (
    "entities do not start and end with words of one sentence, cannot be found, and count as missed (the "
    "option "
    "`segmenter` sets how texts are divided)"
)
_OTHER_TEXT = "entities say that they are another text than the one at their place"
_GAPS = "entities have gaps, cannot be found, and count as missed"
NO_WORDS = "records have no words"


class Entity(NamedTuple):
    """
    An entity as a file writes it.

    # Parameters

    start, end : `int`
        Characters or tokens, the end exclusive.
    label : `str`
    text : `str`, optional (default = `None`)
        What the file says that its text is.
    where : `str`, optional (default = `""`)
        What to call it in an error.
    has_gaps : `bool`, optional (default = `False`)
        Whether words between start and end are no part of it.
    """

    start: int
    end: int
    label: str
    text: Optional[str] = None
    where: str = ""
    has_gaps: bool = False


def entity_from_json(value: Any, where: str, ends: Tuple[str, str] = ("start", "end")) -> Entity:
    """
    # Parameters

    value : `Any`
        `[start, end, label]`, or an object with `label` and, if wanted, `text`.
    where : `str`
    ends : `Tuple[str, str]`, optional (default = `("start", "end")`)
        The object's keys of start and end.

    # Returns

    `Entity`

    # Raises

    `ConfigurationError`
        It is something else.
    """
    text = None
    if isinstance(value, dict):
        missing = [key for key in (*ends, "label") if key not in value]
        if missing:
            raise ConfigurationError(f"{where}: {missing[0]!r} is missing in {shown(value)}.")
        text = value["text"] if isinstance(value.get("text"), str) else None
        value = [value[ends[0]], value[ends[1]], value["label"]]
    if not isinstance(value, list) or len(value) != 3:
        raise ConfigurationError(
            f"{where}: found {shown(value)}; expected an object with {ends[0]}, {ends[1]} and label, or "
            "[start, "
            "end, label]."
        )
    start, end, label = value
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in (start, end)):
        raise ConfigurationError(
            f"{where}: start and end are {shown([start, end])}; expected two whole numbers."
        )
    return Entity(start, end, checked_label(label, where), text, where)


def checked_label(label: Any, where: str) -> str:
    """
    # Raises

    `ConfigurationError`
        It is no string, or a blank one.
    """
    if not isinstance(label, str) or not label.strip():
        raise ConfigurationError(f"{where}: the label is {shown(label)}; expected a string.")
    return label


def document_from_text(
    text: str,
    entities: Sequence[Entity],
    reading: Reading,
    where: str,
    document_id: str,
    unlabeled: Optional[str] = None,
) -> Document:
    """
    # Parameters

    text : `str`
    entities : `Sequence[Entity]`
        In characters. They lose white space and invisible separators at their ends. Those whose ends then are
        not ends of words, which leave their sentence or which have gaps become `Sentence.unaligned`.
    reading : `Reading`
    where : `str`
    document_id : `str`
    unlabeled : `str`, optional (default = `None`)
        As of `Document`.

    # Returns

    `Document`
        Without a sentence if the text has no word.

    # Raises

    `ConfigurationError`
        An entity is not inside of the text, or covers white space alone.
    """
    text = without_lone_surrogates(text)
    sentences = [
        Sentence(
            words=[text[start:end] for start, end in words], spans=[], offsets=words, where=_place(where)
        )
        for words in reading.segmenter.segment(text)
    ]
    words = [
        (start, end, index, sentence)
        for sentence in sentences
        for index, (start, end) in enumerate(sentence.offsets or ())
    ]
    starts = [start for start, _, _, _ in words]
    for entity in entities:
        check_span(entity.start, entity.end, len(text), entity.where)
        start, end = strip_span(text, entity.start, entity.end)
        if start == end:
            covered = text[entity.start : entity.end]
            raise ConfigurationError(f"{entity.where}: covers {covered!r}, white space; expected words.")
        first_start, _, first, sentence = words[bisect_right(starts, start) - 1]
        _, last_end, last, last_sentence = words[bisect_right(starts, end - 1) - 1]
        if entity.has_gaps:
            sentence.unaligned.append((start, end, entity.label))
            shown_text = shown(entity.text or text[start:end])
            reading.findings.add(_GAPS, f"{entity.where}: {shown_text} ({start}-{end}, {entity.label})")
            continue
        _compare(entity, text[entity.start : entity.end], reading.findings)
        if start == first_start and end == last_end and last_sentence is sentence:
            sentence.spans.append(LabeledSpan(first, last + 1, entity.label))
        else:
            sentence.unaligned.append((start, end, entity.label))
            reading.findings.add(
                UNALIGNED, f"{entity.where}: {shown(text[start:end])} ({start}-{end}, {entity.label})"
            )
    return Document(document_id, sentences, text, where, unlabeled)


def sentence_from_tokens(
    tokens: Sequence[str], entities: Sequence[Entity], reading: Reading, where: str
) -> Sentence:
    """
    # Parameters

    tokens : `Sequence[str]`
        One or more.
    entities : `Sequence[Entity]`
        In tokens.
    reading : `Reading`
    where : `str`

    # Returns

    `Sentence`

    # Raises

    `ConfigurationError`
        A token is empty, or an entity is not inside of the sentence.
    """
    for index, token in enumerate(tokens):
        if not token:
            raise ConfigurationError(
                f"{where}: tokens[{index}] is empty; expected a word of one or more characters."
            )
    spans = []
    for entity in entities:
        check_span(entity.start, entity.end, len(tokens), entity.where, "tokens")
        _compare(entity, " ".join(tokens[entity.start : entity.end]), reading.findings)
        spans.append(LabeledSpan(entity.start, entity.end, entity.label))
    return Sentence(words=list(tokens), spans=spans, where=_place(where))


def get_tokens(record: Record, key: str, where: str) -> List[str]:
    """
    # Raises

    `ConfigurationError`
        The value is no list of strings.
    """
    return tokens_of(get_list(record, key, where), where)


def tokens_of(values: Any, where: str) -> List[str]:
    """As `get_tokens`, of a value."""
    if not isinstance(values, list):
        raise ConfigurationError(f"{where}: 'tokens' is {shown(values)}; expected a list.")
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise ConfigurationError(f"{where}: 'tokens[{index}]' is {shown(value)}; expected a string.")
    return [without_lone_surrogates(value) for value in values]


def _compare(entity: Entity, found: str, findings: Findings) -> None:
    # Tokens may have been joined in another way, and line ends be written as spaces.
    if entity.text is not None and "".join(entity.text.split()) != "".join(found.split()):
        findings.add(_OTHER_TEXT, f"{entity.where}: {shown(entity.text)}, where {shown(found)} is")


def _place(where: str) -> str:
    """The last part of `data.jsonl, line 7`."""
    return where.rpartition(", ")[2]
