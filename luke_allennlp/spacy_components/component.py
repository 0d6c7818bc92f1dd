"""What the three components share: their model, batches, and how they are saved."""

import functools
import os
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from spacy.util import minibatch

from luke_allennlp.pipelines import Pipeline, load
from luke_allennlp.pipelines.archives import ARCHIVE
from luke_allennlp.spacy_components.extensions import register_extensions
from luke_allennlp.spacy_components.stored_model import copy_archive, stored_task


class LukeComponent(Pipe):
    """
    A component of a spaCy pipeline that annotates documents with a trained model, which is loaded when it is
    first used. A subclass implements `predict` and `set_annotations`.

    # Parameters

    model : `str`
        As of `luke_allennlp.load`. A saved pipeline holds the archive itself.
    name : `str`
        Of the component in its pipeline.
    device : `str`, optional (default = `None`)
        Such as "cpu" or "cuda:1"; by default the first GPU if there is one.
    max_tokens : `int`, optional (default = `None`)
        The limit of tokens and entities in a batch of the model.

    # Raises

    `ConfigurationError`
        The model is of another task.
    """

    task: ClassVar[str]

    def __init__(
        self, model: str, *, name: str, device: Optional[str] = None, max_tokens: Optional[int] = None
    ) -> None:
        self.name = name
        # Not `model`, which spaCy takes for a network of Thinc.
        self.model_path = model
        self.device = device
        self.max_tokens = max_tokens
        self._pipeline: Optional[Pipeline[Any]] = None
        self._directory: Optional[tempfile.TemporaryDirectory[str]] = None
        self._process = os.getpid()
        register_extensions()
        # A pipeline that was saved elsewhere gets its model after this, by `from_disk`.
        self._check_task(stored_task(model))

    def options(self) -> Dict[str, Any]:
        """The arguments that make an equal component."""
        names = ("name", "device", "max_tokens")
        return {"model": self.model_path, **{name: getattr(self, name) for name in names}}

    def predict(self, docs: List[Doc]) -> List[Any]:
        """What the model finds in each of the documents, which stay unchanged."""
        raise NotImplementedError

    def set_annotations(self, doc: Doc, found: Any) -> None:
        """Writes what `predict` gave for a document into it."""
        raise NotImplementedError

    def __call__(self, doc: Doc) -> Doc:
        # Of none, if an error handler has dropped it.
        return next(self.pipe([doc], batch_size=1), doc)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Documents of a batch are predicted together, in the model's own batches by length."""
        handle_error = self.get_error_handler()
        for docs in minibatch(stream, size=batch_size):
            try:
                for doc, found in zip(docs, self.predict(docs), strict=True):
                    self.set_annotations(doc, found)
            except Exception as error:
                handle_error(self.name, self, docs, error)
            else:
                yield from docs

    @property
    def pipeline(self) -> Pipeline[Any]:
        """The model, loaded."""
        if self._process != os.getpid():
            import torch

            # OpenMP's threads are not copied to a forked process (`n_process`), which would wait for them.
            torch.set_num_threads(1)
            self._process = os.getpid()
        if self._pipeline is None:
            pipeline = load(self.model_path, device=self.device, max_tokens=self.max_tokens)
            self._check_task(pipeline.task)
            self._pipeline = pipeline
        return self._pipeline

    @property
    def labels(self) -> Tuple[str, ...]:
        """Those of the model; none before it is loaded."""
        return () if self._pipeline is None else tuple(self._pipeline.labels)

    def _check_task(self, found: Optional[str]) -> None:
        if found is not None and found != self.task:
            raise ConfigurationError(
                f"The component {self.name!r} needs a model of the task {self.task}; {self.model_path} is "
                f"one of {found}."
            )

    # --- Saving.

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Copies the archive of the model, so that the pipeline's directory needs nothing beside it."""
        copy_archive(self.model_path, Path(path))

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "LukeComponent":
        self.model_path = str(Path(path) / ARCHIVE)
        self._pipeline = None
        self._check_task(stored_task(self.model_path))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The archive of the model."""
        with tempfile.TemporaryDirectory() as directory:
            copy_archive(self.model_path, Path(directory))
            return Path(directory, ARCHIVE).read_bytes()

    def from_bytes(self, content: bytes, *, exclude: Iterable[str] = ()) -> "LukeComponent":
        """The archive goes to a temporary directory, which lives as long as the component."""
        self._directory = tempfile.TemporaryDirectory(prefix="luke_allennlp_")
        Path(self._directory.name, ARCHIVE).write_bytes(content)
        return self.from_disk(self._directory.name)

    def __reduce__(self) -> Any:
        # For processes that are not forked: each loads the model itself.
        return functools.partial(type(self), **self.options()), ()
