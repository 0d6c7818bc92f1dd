"""What gold entities must be before a model learns from them or is scored by them."""

from typing import Dict, Iterable, List, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.tasks.ner.examples import NIL, Document, LabeledSpan
from luke_allennlp.tasks.ner.forms import Findings

DUPLICATE_SPANS = ("error", "first")
_DUPLICATE = "spans have several labels, of which the first is kept"

_Span = Tuple[int, int, str]


def settle_gold(
    documents: Iterable[Document], label_map: LabelMap, duplicate_spans: str, findings: Findings, path: str
) -> None:
    """
    Gives the entities of all sentences the labels that the map says, each span one label, and the order of
    their starts.

    # Parameters

    documents : `Iterable[Document]`
        They are changed.
    label_map : `LabelMap`
    duplicate_spans : `str`
        Whether a span with two labels is an error ("error"), or keeps the one that comes first in the file
        ("first").
    findings : `Findings`
    path : `str`

    # Raises

    `ConfigurationError`
        A span has two labels, or an entity the label that candidates have which are none.
    """
    for document in documents:
        for sentence in document.sentences:
            where = f"{path}, {sentence.where}" if sentence.where else path
            spans, unaligned = sentence.spans, sentence.unaligned
            sentence.spans = [
                LabeledSpan(*span) for span in _settled(spans, label_map, duplicate_spans, findings, where)
            ]
            sentence.unaligned = _settled(unaligned, label_map, duplicate_spans, findings, where)


def _settled(
    spans: Sequence[_Span], label_map: LabelMap, duplicate_spans: str, findings: Findings, where: str
) -> List[_Span]:
    if not spans:
        return []
    labels: Dict[Tuple[int, int], str] = {}
    for start, end, given in spans:
        label = label_map(given)
        if label is None:
            continue
        if label == NIL:
            raise ConfigurationError(
                f"{where}: the entity at {start}-{end} has the label {NIL!r}, which candidates have that are "
                "no "
                "entity; rename it with `label_map`, or drop it with null."
            )
        first = labels.setdefault((start, end), label)
        if first == label:
            continue
        if duplicate_spans == "error":
            raise ConfigurationError(
                f"{where}: the span {start}-{end} has the labels {first!r} and {label!r}; expected one. "
                "Correct it, drop "
                'one of them with `label_map`, or set `duplicate_spans` to "first".'
            )
        findings.add(_DUPLICATE, f"{where}: {start}-{end} is {first!r}, not {label!r}")
    return [(start, end, label) for (start, end), label in sorted(labels.items())]
