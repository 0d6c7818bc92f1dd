"""What an archive needs to be used anywhere."""

from pathlib import Path
from typing import Any

from allennlp.common.checks import ConfigurationError
from allennlp.training import GradientDescentTrainer, TrainerCallback
from overrides import overrides

from luke_allennlp.checkpoints.model_files import ARCHIVED_CHECKPOINT
from luke_allennlp.common.files import new_directory, write_json
from luke_allennlp.data.tokenizer_files import copy_tokenizer, tokenizer_files
from luke_allennlp.entity_vocabulary import ENTITY_VOCABULARY_FILE
from luke_allennlp.token_embedders import LukeEmbedder


@TrainerCallback.register("archived_checkpoint")
class ArchivedCheckpoint(TrainerCallback):
    """
    Registered as a `TrainerCallback` with name "archived_checkpoint".

    Writes the encoder's config, the tokenizer and the entity vocabulary to `checkpoint` in the run's
    directory. With `include_in_archive: ["checkpoint"]` in the config, the archive needs neither the
    checkpoint that its training started from nor the data. For models whose embedder keeps a whole
    vocabulary, or no entities.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    """

    @overrides
    def on_start(self, trainer: GradientDescentTrainer, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        if is_primary:
            embedders = [module for module in trainer.model.modules() if isinstance(module, LukeEmbedder)]
            if not embedders:
                raise ConfigurationError(
                    f"The model is a {type(trainer.model).__name__} without an embedder of type 'luke'; the "
                    "callback 'archived_checkpoint' is for models that have one."
                )
            _write_checkpoint(Path(self.serialization_dir) / ARCHIVED_CHECKPOINT, embedders[0])


def _write_checkpoint(directory: Path, embedder: LukeEmbedder) -> None:
    if not tokenizer_files(embedder.model_name):
        raise ConfigurationError(
            f"The model {embedder.model_name!r} has no tokenizer to put into the archive; add its files "
            "there, or omit the callback 'archived_checkpoint'."
        )
    config = embedder.luke.config.to_dict()
    for key in ("id2label", "label2id"):
        config.pop(key, None)
    with new_directory(directory, True, "what goes into the archive") as place:
        write_json(place / "config.json", config)
        copy_tokenizer(embedder.model_name, place)
        if embedder.entities is None:
            embedder.entity_vocabulary().save(place / ENTITY_VOCABULARY_FILE)
