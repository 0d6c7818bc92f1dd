"""Masked words and masked entities of raw text."""

from contextlib import suppress
from typing import Any, Dict, List, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader
from allennlp.models import Model
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.pretraining.masked_text import MaskedText
from luke_allennlp.pretraining.model import LukePretrainingModel
from luke_allennlp.pretraining.reader import MaskedInput, PretrainingReader
from luke_allennlp.tasks.base.predictor import TaskPredictor


@Predictor.register("luke_pretraining")
class PretrainingPredictor(TaskPredictor):
    """
    Registered as a `Predictor` with name "luke_pretraining".

    Takes `{"text": "<mask> is the capital of Japan.", "mentions": [[25, 30]]}`: masked words are written
    `<mask>` or `[MASK]`, and a mention is masked unless it is `{"span": [25, 30], "entity": "Japan"}`.
    Optional are `"top_k"` and `"language"` (of the titles). Returns

    - `text`: the input's;
    - `words`, for each masked word: `start`, `end` and `predictions`, each with `word` (its text), `token`
      (its name in the vocabulary) and `probability`;
    - `mentions`, for each masked one: `text`, `start`, `end` and `predictions`, each with `entity` (its
      title) and `probability`.

    Predictions are sorted by probability. With `--use-dataset-reader` it takes files of such records.

    # Parameters

    model : `LukePretrainingModel`
    dataset_reader : `PretrainingReader`
    batch_size, max_tokens : `int`, optional (default = `None`)
        As of `TaskPredictor`.

    # Raises

    `ConfigurationError`
        The archive is of another task, or its reader has another entity vocabulary than its model.
    """

    task = "luke_pretraining"
    model_type = LukePretrainingModel
    reader_type = PretrainingReader

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        batch_size: Optional[int] = None,
        max_tokens: Optional[int] = None,
    ) -> None:
        super().__init__(model, dataset_reader, batch_size, max_tokens)
        self._reader: PretrainingReader
        self._model: LukePretrainingModel
        if self._model.uses_entities and self._reader.has_entities:
            rows = self._model.embedder.luke.config.entity_vocab_size
            needed = self._reader.entity_vocabulary.table_size
            if needed > rows:
                raise ConfigurationError(
                    f"{self._reader.entity_vocabulary.source} has ids up to {needed - 1}, and the model "
                    f"{rows} entities; give the reader the vocabulary that the model was trained with."
                )

    def predict(
        self,
        text: str,
        mentions: Sequence[Any] = (),
        top_k: Optional[int] = None,
        language: Optional[str] = None,
    ) -> JsonDict:
        """As for a record; a mention is `[start, end]` or `{"span": [start, end], "entity": "Title"}`."""
        record = {"text": text, "mentions": list(mentions), "top_k": top_k, "language": language}
        return self.predict_json(record)

    @overrides(check_signature=False)
    def output(
        self, example: MaskedText, items: List[MaskedInput], outputs: List[Dict[str, Any]]
    ) -> JsonDict:
        (item,), (found,) = items, outputs
        if item.entity_ids and not self._model.uses_entities:
            raise ConfigurationError(
                f"{example.where}: has mentions, and the model was trained without entities; omit them."
            )
        tokenizer = self._reader.tokenizer
        words = []
        for (start, end), best in zip(example.masked_words, found["words"], strict=True):
            predictions = [
                {"word": tokenizer.text_of(token), "token": tokenizer.token(token), "probability": value}
                for token, value in best
                if tokenizer.has_token(token)
            ]
            words.append({"start": start, "end": end, "predictions": predictions})
        mentions = []
        for index, best in zip(item.masked_entities, found.get("entities", []), strict=True):
            start, end = example.mentions[index].span
            predictions = [
                {"entity": title, "probability": probability}
                for entity_id, probability in best
                if (title := self._title(entity_id, example.language)) is not None
            ]
            place = {"text": example.text[start:end], "start": start, "end": end}
            mentions.append({**place, "predictions": predictions})
        return {"text": example.text, "words": words, "mentions": mentions}

    def _title(self, entity_id: int, language: Optional[str]) -> Optional[str]:
        """The title in that language if there is one, else the first; `None` for an id without a title."""
        for choice in (language, None):
            with suppress(ConfigurationError):
                return self._reader.entity_vocabulary.title(entity_id, choice)
        return None
