"""A loaded model that is called like a function."""

import threading
import time
from typing import (
    Any,
    ClassVar,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Type,
    TypeVar,
    Union,
    overload,
)

from allennlp.common.checks import ConfigurationError
from tqdm.auto import tqdm

from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.base.predictor import TaskPredictor

ResultT = TypeVar("ResultT")
Input = Union[str, Mapping[str, Any]]
"""A text, for NER, or a record as the task's predictor takes it."""

_LONG = 64
"""Inputs of a list that has a progress bar."""

_GROUP_SECONDS = 5.0
"""Groups grow as long as they take less."""

_WAITING_SECONDS = 1.0
"""A group of a stream whose inputs arrive slowly ends with the first one after this time."""


class Pipeline(Generic[ResultT]):
    """
    A model with its reader, made by `luke_allennlp.load`. Inputs are predicted in batches by their number of
    tokens, whatever their order. It may be used from several threads, which take turns. There is a subclass
    for each task.

    # Parameters

    predictor : `TaskPredictor`
        Of the task.
    """

    task: ClassVar[str]
    """Such as "ner"."""

    _by_task: ClassVar[Dict[str, Type["Pipeline[Any]"]]] = {}

    def __init__(self, predictor: TaskPredictor) -> None:
        self.predictor = predictor
        self._lock = threading.Lock()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "task" in vars(cls):
            Pipeline._by_task[cls.task] = cls

    @staticmethod
    def of(predictor: TaskPredictor) -> "Pipeline[Any]":
        """The pipeline of a predictor's task."""
        return Pipeline._by_task[predictor.task.removeprefix("luke_")](predictor)

    @property
    def labels(self) -> List[str]:
        """What the model can predict, in the order of its vocabulary. Empty for question answering."""
        namespace = getattr(self.predictor._model, "label_namespace", None)
        if namespace is None:
            return []
        return list(self.predictor._model.vocab.get_token_to_index_vocabulary(namespace))

    @property
    def device(self) -> str:
        """Such as "cuda:0"."""
        return str(next(self.predictor._model.parameters()).device)

    @overload
    def __call__(self, inputs: Input, progress: Optional[bool] = None) -> ResultT: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, inputs: Iterable[Input], progress: Optional[bool] = None) -> List[ResultT]: ...

    def __call__(
        self, inputs: Union[Input, Iterable[Input]], progress: Optional[bool] = None
    ) -> Union[ResultT, List[ResultT]]:
        """
        # Parameters

        inputs : `Union[Input, Iterable[Input]]`
            One input, or several.
        progress : `bool`, optional (default = `None`)
            Whether to show a progress bar; by default for more than 64 inputs.

        # Returns

        `Union[Result, List[Result]]`
            The result of the input, or of each of them, in their order.

        # Raises

        `ConfigurationError`
            An input is none of the task's. The message names it by its number, from 1.
        """
        if isinstance(inputs, (str, bytes, Mapping)):
            return self._predict([inputs], 1)[0]
        if not isinstance(inputs, Iterable):
            raise ConfigurationError(f"Found {shown(inputs)}; expected {self._expected} or a list of such.")
        given = list(inputs)
        results: List[ResultT] = []
        hidden = len(given) <= _LONG if progress is None else not progress
        with tqdm(total=len(given), disable=hidden, unit="input") as bar:
            for group in _groups(given, self.predictor.largest_group):
                results += self._predict(group, len(results) + 1)
                bar.update(len(group))
        return results

    def stream(self, inputs: Iterable[Input]) -> Iterator[ResultT]:
        """
        Yields the result of each input, in their order, and reads no more of them than it needs: 1, then 2, 4
        and so on up to 1024 at a time, as long as these take few seconds. Raises as a call does, after the
        results of the inputs before.
        """
        if isinstance(inputs, (str, bytes, Mapping)):
            raise ConfigurationError(
                f"Found {shown(inputs)}; expected a list or an iterator of inputs. For a single one, call "
                "the model."
            )
        return self._stream(inputs)

    def _stream(self, inputs: Iterable[Input]) -> Iterator[ResultT]:
        number = 1
        for group in _groups(inputs, self.predictor.largest_group):
            yield from self._in_parts(group, number)
            number += len(group)

    def _in_parts(self, group: List[Input], number: int) -> Iterator[ResultT]:
        try:
            results = self._predict(group, number)
        except ConfigurationError:
            if len(group) == 1:
                raise
        else:
            yield from results
            return
        middle = len(group) // 2
        yield from self._in_parts(group[:middle], number)
        yield from self._in_parts(group[middle:], number + middle)

    def _predict(self, inputs: List[Input], number: int) -> List[ResultT]:
        names = [f"input {number + index}" for index in range(len(inputs))]
        records = [self._record(item, name) for item, name in zip(inputs, names, strict=True)]
        with self._lock:
            self.predictor.input_names = names
            outputs = self.predictor.predict_batch_json(records)
        return [self._result(record, output) for record, output in zip(records, outputs, strict=True)]

    _expected: ClassVar[str] = "a dictionary"

    def _record(self, item: Any, name: str) -> Dict[str, Any]:
        """The predictor's record of an input."""
        if not isinstance(item, Mapping):
            raise ConfigurationError(f"{name}: found {shown(item)}; expected {self._expected}.")
        return dict(item)

    def _result(self, record: Dict[str, Any], output: Dict[str, Any]) -> ResultT:
        """What is returned for the predictor's output."""
        raise NotImplementedError

    def __repr__(self) -> str:
        labels = ", ".join(self.labels[:8]) + (", ..." if len(self.labels) > 8 else "")
        return f"{type(self).__name__}({f'labels: {labels}; ' if labels else ''}device: {self.device})"


def _groups(inputs: Iterable[Input], largest: int) -> Iterator[List[Input]]:
    group: List[Input] = []
    limit, first = 1, 0.0
    for item in inputs:
        first = first if group else time.monotonic()
        group.append(item)
        if len(group) >= limit or time.monotonic() - first > _WAITING_SECONDS:
            start = time.monotonic()
            yield group
            group = []
            is_short = time.monotonic() - start < _GROUP_SECONDS
            limit = min(2 * limit, largest) if is_short else max(limit // 2, 1)
    if group:
        yield group
