"""What the predictors of all tasks share: JSON records in, one output a record."""

from typing import Any, ClassVar, Dict, Iterator, List, Optional, Sequence, Sized, Type

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, sanitize
from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor
from overrides import overrides

from luke_allennlp.data.batching import default_max_tokens, evaluation_batches, sizes_of, texts_of
from luke_allennlp.tasks.base.reader import TaskReader


class TaskPredictor(Predictor):
    """
    Takes the records that its reader takes. The windows of all records that it is given at once are sorted by
    length and predicted in batches of its own. With `--use-dataset-reader` it takes the reader's files and
    gives one output an example. A subclass implements `output`.

    # Parameters

    batch_size : `int`, optional (default = `None`)
        The limit of windows in a batch; by default there is none.
    max_tokens : `int`, optional (default = `None`)
        The limit of tokens and entities in a batch, padding excluded. A longer window is a batch of its own.
        By default 16384 on a GPU, 4096 on a CPU.

    # Raises

    `ConfigurationError`
        The archive belongs to another task, or a limit is less than 1.
    """

    task: ClassVar[str]
    """The name that reader, model and predictor are registered with."""

    model_type: ClassVar[Type[Model]]
    reader_type: ClassVar[Type[TaskReader]]

    largest_group = 1024
    """The most records that `allennlp predict` gives at once unless told how many."""

    input_names: Sequence[str] = ()
    """The names of the next call's inputs in errors, set by `allennlp predict`: `sentences.jsonl, line 3`."""

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        batch_size: Optional[int] = None,
        max_tokens: Optional[int] = None,
    ) -> None:
        if not isinstance(model, self.model_type) or not isinstance(dataset_reader, self.reader_type):
            raise ConfigurationError(
                f"The archive holds a {type(model).__name__} with a {type(dataset_reader).__name__}; the "
                f"predictor {self.task!r} needs a model and a reader of type {self.task!r}."
            )
        for name, limit in (("batch_size", batch_size), ("max_tokens", max_tokens)):
            if limit is not None and limit < 1:
                raise ConfigurationError(f"{name} is {limit}; expected at least 1.")
        super().__init__(model, _ExampleReader(dataset_reader))
        model.eval()
        self._reader: TaskReader = dataset_reader
        self._batch_size, self._max_tokens = batch_size, max_tokens
        self._inputs = 0

    def output(self, example: Any, items: List[Any], outputs: List[Dict[str, Any]]) -> JsonDict:
        """
        What is predicted for an example of the reader, given its items and the model's output for each of
        them, after `make_output_human_readable`.
        """
        raise NotImplementedError

    def record_output(self, record: JsonDict, examples: List[Any], outputs: List[JsonDict]) -> JsonDict:
        """What is predicted for a record, given the outputs of its examples. By default it has one."""
        (output,) = outputs
        return output

    @overrides
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]

    @overrides
    def predict_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        groups: List[List[Any]] = []
        for record, where in zip(inputs, self._names_of(inputs), strict=True):
            if not isinstance(record, dict):
                raise ConfigurationError(f"{where}: found {record!r:.80}; expected a JSON object.")
            groups.append(self._reader.examples_from_json(record, where))
        outputs = iter(self._predict([example for group in groups for example in group]))
        return _plain(
            [
                self.record_output(record, group, [next(outputs) for _ in group])
                for record, group in zip(inputs, groups, strict=True)
            ]
        )

    def _names_of(self, inputs: Sized) -> List[str]:
        names, self.input_names = list(self.input_names), ()
        first = self._inputs + 1
        self._inputs += len(inputs)
        if len(names) == len(inputs):
            return names
        return [f"input {number}" for number in range(first, first + len(inputs))]

    @overrides
    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    @overrides
    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonDict]:
        """One output for each instance of this predictor's own reader, whose instances are whole examples."""
        for instance in instances:
            if not isinstance(instance, _ExampleInstance):
                raise ConfigurationError(
                    f"The predictor {self.task!r} takes instances of its own reader, one an example; read "
                    "them with `allennlp predict --use-dataset-reader`, or hand JSON to predict_json."
                )
        return _plain(self._predict([instance.example for instance in instances]))  # type: ignore

    def model_outputs(self, items: List[Any], labeled: bool = False) -> List[Dict[str, Any]]:
        """
        The model's output for each item of its reader, in batches sorted by length. `labeled` says whether
        the items have labels, which the model's metric then counts.
        """
        instances = [self._reader.text_to_instance(item, labeled) for item in items]
        max_tokens = self._max_tokens or default_max_tokens(next(self._model.parameters()).device)
        batches = evaluation_batches(*sizes_of(instances), max_tokens, self._batch_size, texts_of(instances))
        outputs: List[Dict[str, Any]] = [{} for _ in instances]
        for chosen in map(np.ndarray.tolist, batches):
            found = self._model.forward_on_instances([instances[index] for index in chosen])
            for index, output in zip(chosen, found, strict=True):
                outputs[index] = output
        return outputs

    def _predict(self, examples: List[Any]) -> List[JsonDict]:
        items = [list(self._reader.items(example)) for example in examples]
        outputs = self.model_outputs([item for group in items for item in group])
        at = 0
        results = []
        for example, group in zip(examples, items, strict=True):
            results.append(self.output(example, group, outputs[at : at + len(group)]))
            at += len(group)
        return results


def _plain(value: Any) -> Any:
    """AllenNLP's `sanitize`, which turns `None` into the string "None", except for that."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return sanitize(value)


class _ExampleInstance(Instance):
    """The instance of an example's first item, with the example attached."""

    def __init__(self, instance: Instance, example: Any) -> None:
        super().__init__(instance.fields)
        self.example = example


class _ExampleReader(DatasetReader):
    """
    Reads one instance an example instead of one an item, so that `allennlp predict --use-dataset-reader`
    writes one line an example and its batches split none.
    """

    def __init__(self, reader: TaskReader) -> None:
        super().__init__(max_instances=reader.max_items)
        self._reader = reader

    @overrides
    def _read(self, file_path: Any) -> Iterator[Instance]:
        for example in self._reader.any_examples(str(file_path)):
            yield _ExampleInstance(self._reader.text_to_instance(self._reader.items(example)[0]), example)

    @overrides(check_signature=False)
    def text_to_instance(self, item: Any, labeled: bool = False) -> Instance:
        return self._reader.text_to_instance(item, labeled)
