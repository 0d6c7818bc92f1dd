"""What an archive needs to be used anywhere."""

import logging
import shutil
from pathlib import Path
from typing import Any, Iterator

from allennlp.common.checks import ConfigurationError
from allennlp.models import archival
from allennlp.training import GradientDescentTrainer, TrainerCallback, gradient_descent_trainer
from overrides import overrides

from luke_allennlp.checkpoints.model_files import ARCHIVED_CHECKPOINT, at_revision
from luke_allennlp.common.files import new_directory, read_object
from luke_allennlp.token_embedders import LukeEmbedder
from luke_allennlp.token_embedders.small_files import write_small_files

logger = logging.getLogger(__name__)


@TrainerCallback.register("archived_checkpoint")
class ArchivedCheckpoint(TrainerCallback):
    """
    Registered as a `TrainerCallback` with name "archived_checkpoint".

    Writes the encoder's config, the tokenizer and the entity vocabulary to `checkpoint` in the run's
    directory, which goes into the archive: that needs the checkpoint that its training started from no
    longer. Each trainer has this callback, unless its `enable_default_callbacks` is false; it does nothing
    for models without an embedder of type "luke".

    # Parameters

    lean : `bool`, optional (default = `False`)
        If true, nothing is written, and the archive needs its checkpoint beside it.
    serialization_dir : `str`
        Given by the trainer.
    """

    def __init__(self, serialization_dir: str, lean: bool = False) -> None:
        super().__init__(serialization_dir)
        self.lean = lean

    @overrides
    def on_start(self, trainer: GradientDescentTrainer, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        embedders = [module for module in trainer.model.modules() if isinstance(module, LukeEmbedder)]
        if self.lean or not is_primary or not embedders:
            return
        if len({(item.model_name, str(item.entities), str(item.markers)) for item in embedders}) > 1:
            names = ", ".join(sorted({repr(item.model_name) for item in embedders}))
            logger.warning(
                "The model has %d different embedders, of %s: its archive will need these beside it.",
                len(embedders),
                names,
            )
            return
        place = Path(self.serialization_dir)
        for leftover in place.glob(f".{ARCHIVED_CHECKPOINT}.*"):  # of a run that was killed while it wrote
            shutil.rmtree(leftover, ignore_errors=True)
        tokenizers = dict.fromkeys(
            [embedders[0].model_name, *_checkpoints(read_object(place / "config.json"))]
        )
        try:
            with new_directory(place / ARCHIVED_CHECKPOINT, True, "what goes into the archive") as target:
                write_small_files(embedders[0], list(tokenizers), target)
        except ConfigurationError as error:
            logger.warning(
                "The archive will need the checkpoint %r beside it: %s",
                embedders[0].model_name,
                error.message,
            )


def _checkpoints(config: Any) -> Iterator[str]:
    """Of objects of type "luke", such as a tokenizer."""
    if (
        isinstance(config, dict)
        and config.get("type") == "luke"
        and isinstance(config.get("model_name"), str)
    ):
        yield at_revision(config["model_name"], config.get("revision"))
    if isinstance(config, (dict, list)):
        for item in config.values() if isinstance(config, dict) else config:
            yield from _checkpoints(item)


# Every trainer makes these that does not have them.
if ArchivedCheckpoint not in gradient_descent_trainer.DEFAULT_CALLBACKS:
    gradient_descent_trainer.DEFAULT_CALLBACKS += (ArchivedCheckpoint,)  # type: ignore[assignment]
_archived = getattr(archival, "always_archived", None)  # of the AllenNLP that packaging/ builds
if _archived is not None and ARCHIVED_CHECKPOINT not in _archived:
    _archived.append(ARCHIVED_CHECKPOINT)
