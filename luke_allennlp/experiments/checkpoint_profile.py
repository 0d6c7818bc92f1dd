"""What matters of a checkpoint for a training, without its weights."""

from dataclasses import dataclass

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.model_files import check_available


@dataclass(frozen=True)
class CheckpointProfile:
    """
    A checkpoint's size.

    # Parameters

    window : `int`
        The maximum number of tokens of an input, start and end token included.
    has_entities : `bool`
        Whether its entity embeddings are trained. Those of RoBERTa and BERT start fresh.
    """

    name: str
    kind: str  # luke, roberta, xlm-roberta, camembert or bert
    hidden_size: int
    num_layers: int
    window: int
    has_entities: bool

    @classmethod
    def read(cls, model_name: str) -> "CheckpointProfile":
        """Raises a `ConfigurationError` that says what to do if there is no such checkpoint."""
        check_available(model_name)
        config = read_config(model_name)
        # RoBERTa counts positions from the padding's id on.
        start = getattr(config, "position_start", None)
        start = (config.pad_token_id or 0) + 1 if start is None else start
        return cls(
            name=model_name,
            kind=getattr(config, "word_model_type", None) or "luke",
            hidden_size=config.hidden_size,
            num_layers=config.num_hidden_layers,
            window=config.max_position_embeddings - start,
            has_entities=config.entity_vocab_size > 0,
        )

    def describe(self) -> str:
        entities = "" if self.has_entities else "; its entity embeddings start fresh"
        return (
            f"{self.name}: {self.kind}, {self.num_layers} layers of {self.hidden_size}, window of "
            f"{self.window} tokens{entities}"
        )
