"""The LUKE transformer: plain torch, no AllenNLP, no I/O."""

from luke_allennlp.modules.encoder import LukeEncoder, LukeEncoderOutput

__all__ = ["LukeEncoder", "LukeEncoderOutput"]
