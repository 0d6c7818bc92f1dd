"""
LUKE, a transformer over words and entities, as components of AllenNLP.

The names below are imported when they are first used. The components themselves are imported when AllenNLP
first looks for a name that it does not know, and the subcommands, which import little, for its command line.
"""

import importlib
from typing import TYPE_CHECKING, Any, List

from allennlp.commands.subcommand import Subcommand
from allennlp.common.registrable import Registrable

if TYPE_CHECKING:
    from luke_allennlp.data.word_tokenizer import WordTokenizer
    from luke_allennlp.entity_vocabulary import EntityVocabulary
    from luke_allennlp.modules import LukeEncoder
    from luke_allennlp.token_embedders import LukeEmbedder, load_encoder

__version__ = "0.1.0"

__all__ = ["EntityVocabulary", "LukeEmbedder", "LukeEncoder", "WordTokenizer", "load_encoder"]

_PLACES = {
    "EntityVocabulary": "entity_vocabulary",
    "LukeEmbedder": "token_embedders",
    "LukeEncoder": "modules",
    "WordTokenizer": "data.word_tokenizer",
    "load_encoder": "token_embedders",
}

Registrable.register_on_demand("luke_allennlp.components")
Subcommand.register_on_demand("luke_allennlp.commands")


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
