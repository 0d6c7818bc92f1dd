"""Named entity recognition from Python."""

from typing import Any, Dict, List

from luke_allennlp.pipelines.pipeline import Pipeline
from luke_allennlp.pipelines.results import Entity
from luke_allennlp.tasks.ner.examples import NIL


class NerPipeline(Pipeline[List[Entity]]):
    """
    Takes a text, or `{"text": "..."}`, `{"tokens": [...]}` (a sentence) or `{"sentences": [[...], ...]}` (a
    document), and returns its entities in the order of the text.
    """

    task = "ner"
    _expected = "a text, or a dictionary with 'text', 'tokens' or 'sentences'"

    @property
    def labels(self) -> List[str]:
        return [label for label in super().labels if label != NIL]

    def _record(self, item: Any, name: str) -> Dict[str, Any]:
        return {"text": item} if isinstance(item, str) else super()._record(item, name)

    def _result(self, record: Dict[str, Any], output: Dict[str, Any]) -> List[Entity]:
        # The reader's text has other characters for lone surrogates.
        text = record["text"] if isinstance(record.get("text"), str) else output["text"]
        return [
            Entity(
                text=text[found["start"] : found["end"]],
                label=found["label"],
                score=found["score"],
                start=found["start"],
                end=found["end"],
                sentence=found["sentence"],
                words=(found["words"][0], found["words"][1]),
            )
            for found in output["entities"]
        ]
