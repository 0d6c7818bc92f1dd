"""An archive that needs neither the checkpoint that its training started from nor the data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from allennlp.common.checks import ConfigurationError
from allennlp.training import TrainerCallback
from overrides import overrides

from luke_allennlp.checkpoints.model_files import ARCHIVED_CHECKPOINT
from luke_allennlp.common.files import new_directory, write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer, tokenizer_files
from luke_allennlp.entity_vocabulary import ENTITY_VOCABULARY_FILE
from luke_allennlp.token_embedders import LukeEmbedder

if TYPE_CHECKING:
    from allennlp.training import GradientDescentTrainer


@TrainerCallback.register("archived_checkpoint")
class ArchivedCheckpoint(TrainerCallback):
    """
    Registered as a `TrainerCallback` with name "archived_checkpoint".

    Writes what an archive lacks to be used anywhere into the run's directory, as `checkpoint`: the encoder's
    config, the tokenizer and the entity vocabulary. The training's config takes it into the archive by
    `include_in_archive: ["checkpoint"]`. For models whose embedder keeps all of a vocabulary, or no entities.
    """

    @overrides
    def on_start(self, trainer: "GradientDescentTrainer", is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        if is_primary:
            embedders = [module for module in trainer.model.modules() if isinstance(module, LukeEmbedder)]
            if not embedders:
                raise ConfigurationError(
                    f"The model is a {type(trainer.model).__name__} without an embedder of type 'luke'; the "
                    "callback 'archived_checkpoint' is for models that have one."
                )
            write_archived_checkpoint(Path(self.serialization_dir), embedders[0])


def write_archived_checkpoint(directory: Path, embedder: LukeEmbedder) -> None:
    """
    # Parameters

    directory : `Path`
        The run's.
    embedder : `LukeEmbedder`
        Of the model.

    # Raises

    `ConfigurationError`
        The checkpoint that it started from has no tokenizer, or the files cannot be written.
    """
    if not tokenizer_files(embedder.model_name):
        raise ConfigurationError(
            f"The model {embedder.model_name!r} has no tokenizer that could go into the archive; put its "
            "files there, or leave out the callback 'archived_checkpoint'."
        )
    config = embedder.luke.config.to_dict()
    for key in ("id2label", "label2id"):
        config.pop(key, None)
    with new_directory(directory / ARCHIVED_CHECKPOINT, True, "what goes into the archive") as place:
        write_json(place / "config.json", config)
        copy_tokenizer(embedder.model_name, place)
        if embedder.entities is None:
            embedder.entity_vocabulary().save(place / ENTITY_VOCABULARY_FILE)
