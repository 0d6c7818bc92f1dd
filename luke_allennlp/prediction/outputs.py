"""Outputs of predictors in the formats of other programs."""

import logging
from pathlib import Path
from typing import Any, Dict, Optional, Union

from allennlp.predictors import Predictor

from luke_allennlp.tasks.ner.forms.brat_writer import BratRelation, BratSpan, BratWriter
from luke_allennlp.tasks.ner.forms.column_writer import ColumnWriter
from luke_allennlp.tasks.ner.forms.docbin_writer import DocBinWriter
from luke_allennlp.tasks.ner.forms.prediction import Prediction

logger = logging.getLogger(__name__)

NER, RELATIONS = "luke_ner", "luke_relation_classification"
TASKS_OF = {"conll": (NER,), "docbin": (NER,), "brat": (NER, RELATIONS)}
"""The tasks of each format."""


class Output:
    """
    A context in which outputs are written, all of them or none.

    # Parameters

    writer : `Union[ColumnWriter, DocBinWriter, BratWriter]`
    predictor : `Predictor`
        Of NER or relation classification.
    """

    def __init__(self, writer: Union[ColumnWriter, DocBinWriter, BratWriter], predictor: Predictor) -> None:
        self._writer = writer
        self._predictor: Any = predictor
        self._texts = self._items = 0

    def __enter__(self) -> "Output":
        self._writer.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._writer.__exit__(*error)
        if error[0] is None:
            what = "relations" if self._predictor.task == RELATIONS else "entities"
            logger.info("Written: %d texts, %d %s, without their scores.", self._texts, self._items, what)

    def add(self, given: Any, output: Dict[str, Any], kept: Dict[str, Any]) -> None:
        """
        # Parameters

        given : `Any`
            The record, or the instance of the archive's reader.
        output : `Dict[str, Any]`
            The predictor's.
        kept : `Dict[str, Any]`
            Further columns of the input.
        """
        self._texts += 1
        if self._predictor.task == RELATIONS:
            self._add_relation(output, _name(given, kept))
            return
        self._items += len(output["entities"])
        if isinstance(self._writer, BratWriter):
            spans = [BratSpan(found["start"], found["end"], found["label"]) for found in output["entities"]]
            self._writer.add(output["text"], spans, name=_name(given, kept))
        elif isinstance(given, dict):
            document = self._predictor._reader.document_from_json(given, "")
            self._writer.add(Prediction.of_document(document, output))
        else:
            self._writer.add(Prediction.of_sentence(given.example, output))

    def _add_relation(self, output: Dict[str, Any], name: str) -> None:
        assert isinstance(self._writer, BratWriter)
        spans = [BratSpan(output[key]["start"], output[key]["end"], key.title()) for key in ("head", "tail")]
        is_one = output["label"] != self._predictor._model.negative_label
        self._items += is_one
        relations = [BratRelation(output["label"], 0, 1)] if is_one else []
        self._writer.add(output["text"], spans, relations, name)


def open_output(format: str, path: Optional[Path], predictor: Predictor) -> Output:
    """The output in a format of `TASKS_OF`; without a path, columns go to standard output."""
    if format == "conll":
        return Output(ColumnWriter(path), predictor)
    assert path is not None
    return Output(DocBinWriter(path) if format == "docbin" else BratWriter(path), predictor)


def _name(given: Any, kept: Dict[str, Any]) -> str:
    """What brat's files are called: as the file of the text, or by the input's id."""
    if "file" in kept:
        return str(Path(kept["file"]).with_suffix(""))
    found = {**kept, **(given if isinstance(given, dict) else {})}.get("id")
    return found if isinstance(found, str) else ""
