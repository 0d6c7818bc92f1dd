"""A model that was pretrained on words alone, as the backbone's own class of Hugging Face's."""

from typing import Any, Dict, NamedTuple

from torch import Tensor

from luke_allennlp.checkpoints.config import WORD_KEYS
from luke_allennlp.checkpoints.names import ENTITY_SIDE, EXTRA_QUERY, HEAD_OF_BERT
from luke_allennlp.token_embedders import LukeEmbedder

_ENCODER = "embedder.luke."


class _Class(NamedTuple):
    architecture: str
    prefix: str
    special_ids: Dict[str, int]


_OF_ROBERTA = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
_CLASSES = {
    "roberta": _Class("RobertaForMaskedLM", "roberta.", _OF_ROBERTA),
    "xlm-roberta": _Class("XLMRobertaForMaskedLM", "roberta.", _OF_ROBERTA),
    "camembert": _Class("CamembertForMaskedLM", "roberta.", _OF_ROBERTA),
    "bert": _Class("BertForMaskedLM", "bert.", {"pad_token_id": 0}),
}


def word_model_tensors(state: Dict[str, Tensor], embedder: LukeEmbedder) -> Dict[str, Tensor]:
    """
    # Parameters

    state : `Dict[str, Tensor]`
        The state dict of a `LukePretrainingModel` of words alone.
    embedder : `LukeEmbedder`
        Its embedder.

    # Returns

    `Dict[str, Tensor]`
        By Hugging Face's names.
    """
    kind = _kind(embedder)
    tensors = {}
    for name, tensor in state.items():
        if name.startswith(_ENCODER):
            inner = name[len(_ENCODER) :]
            if inner.startswith(ENTITY_SIDE) or EXTRA_QUERY.search(inner):
                continue
            name = _CLASSES[kind].prefix + inner
        elif kind == "bert":
            ours = next(ours for ours in HEAD_OF_BERT if name.startswith(ours))
            name = HEAD_OF_BERT[ours] + name[len(ours) :]
        tensors[name] = tensor.detach().clone().float().contiguous()
    return tensors


def word_model_config(embedder: LukeEmbedder) -> Dict[str, Any]:
    """
    # Parameters

    embedder : `LukeEmbedder`

    # Returns

    `Dict[str, Any]`
        What config.json says, `model_type` and `architectures` first.
    """
    kind = _kind(embedder)
    config = embedder.luke.config
    return {
        "model_type": kind,
        "architectures": [_CLASSES[kind].architecture],
        **{key: getattr(config, key) for key in WORD_KEYS},
        **_CLASSES[kind].special_ids,
        "dtype": "float32",
    }


def _kind(embedder: LukeEmbedder) -> str:
    config = embedder.luke.config
    kind = getattr(config, "word_model_type", None)
    if kind is None:  # the words of a LUKE
        is_multilingual = "xlm" in str(getattr(config, "bert_model_name", ""))
        kind = "xlm-roberta" if is_multilingual else "roberta"
    return kind
