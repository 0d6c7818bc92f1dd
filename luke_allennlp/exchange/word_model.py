"""A model that was pretrained on words alone, as the backbone's own class of Hugging Face's."""

from typing import Any, Dict, Tuple

from torch import Tensor

from luke_allennlp.checkpoints.config import WORD_KEYS
from luke_allennlp.checkpoints.names import ENTITY_SIDE, EXTRA_QUERY, HEAD_OF_BERT
from luke_allennlp.exchange.importer import ENCODER
from luke_allennlp.token_embedders import LukeEmbedder


def word_model(state: Dict[str, Tensor], embedder: LukeEmbedder) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
    """
    Of the state dict of a `LukePretrainingModel` of words alone, and its embedder: the tensors by Hugging
    Face's names, and the content of config.json.
    """
    # Its import takes seconds.
    from transformers import AutoConfig

    own = embedder.luke.config
    kind = getattr(own, "word_model_type", None)
    if kind is None:  # the words of a LUKE
        kind = "xlm-roberta" if "xlm" in str(getattr(own, "bert_model_name", "")) else "roberta"
    tensors = {}
    for name, tensor in state.items():
        if name.startswith(ENCODER):
            inner = name[len(ENCODER) :]
            if inner.startswith(ENTITY_SIDE) or EXTRA_QUERY.search(inner):
                continue
            name = f"{'bert' if kind == 'bert' else 'roberta'}.{inner}"
        elif kind == "bert":
            ours = next(ours for ours in HEAD_OF_BERT if name.startswith(ours))
            name = HEAD_OF_BERT[ours] + name[len(ours) :]
        tensors[name] = tensor.detach().clone()
    config = AutoConfig.for_model(kind, **{key: getattr(own, key) for key in WORD_KEYS})
    config.architectures = [type(config).__name__.replace("Config", "ForMaskedLM")]
    return tensors, config.to_dict()
