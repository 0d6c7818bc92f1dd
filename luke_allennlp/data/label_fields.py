"""Labels which say where they come from when the model does not know them."""

from typing import Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.fields import LabelField, MultiLabelField
from overrides import overrides


class KnownLabelField(LabelField):
    """
    One label. Where the vocabulary lacks it, indexing ends with an error that names its record.

    # Parameters

    label : `str`
    where : `str`
        What to call its record: `dev.json, record 3`.
    label_namespace : `str`, optional (default = `"labels"`)
    """

    __slots__ = ["where"]

    def __init__(self, label: str, where: str, label_namespace: str = "labels") -> None:
        super().__init__(label, label_namespace)
        self.where = where

    @overrides
    def index(self, vocab: Vocabulary) -> None:
        _check_known([str(self.label)], vocab, self._label_namespace, self.where)
        super().index(vocab)

    @overrides
    def empty_field(self) -> LabelField:
        return LabelField(-1, self._label_namespace, skip_indexing=True)


class KnownMultiLabelField(MultiLabelField):
    """
    Any number of labels, also none. Where the vocabulary lacks one, indexing ends with an error that names
    the record.

    # Parameters

    labels : `Sequence[str]`
    where : `str`
        What to call their record.
    label_namespace : `str`, optional (default = `"labels"`)
    """

    __slots__ = ["where"]

    def __init__(self, labels: Sequence[str], where: str, label_namespace: str = "labels") -> None:
        super().__init__(labels, label_namespace)
        self.where = where

    @overrides
    def index(self, vocab: Vocabulary) -> None:
        _check_known([str(label) for label in self.labels], vocab, self._label_namespace, self.where)
        super().index(vocab)


def _check_known(labels: Sequence[str], vocab: Vocabulary, namespace: str, where: str) -> None:
    known = vocab.get_token_to_index_vocabulary(namespace)
    for label in labels:
        if label not in known:
            listed = ", ".join(map(repr, list(known)[:12]))
            raise ConfigurationError(
                f"{where}: the label {label!r} is not among the {len(known)} that the model was trained with "
                f"({listed}{', ...' if len(known) > 12 else ''}); correct it, or train with data that has it."
            )
