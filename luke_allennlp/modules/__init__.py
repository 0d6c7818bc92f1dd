"""The LUKE transformer: plain torch, no AllenNLP, no I/O."""

from luke_allennlp.modules.encoder import LukeEncoder, LukeEncoderOutput
from luke_allennlp.modules.layer import SPAN_ATTENTIONS

__all__ = ["SPAN_ATTENTIONS", "LukeEncoder", "LukeEncoderOutput"]
