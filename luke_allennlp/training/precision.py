"""The precision of a training: float32, or bfloat16 or float16 by autocast."""

import logging
from contextlib import AbstractContextManager
from typing import Any, Optional

import torch
from allennlp.common.checks import ConfigurationError

logger = logging.getLogger(__name__)

_DTYPES = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}
# Of what its memory is estimated to hold, a device gets this part: shapes vary, and allocators fragment.
_USED = 0.5
_CPU_TOKENS = 4096


class Precision:
    """
    # Parameters

    name : `str`
        "bf16", "fp16" (on GPUs, with a gradient scaler), `None` for float32, or "auto": "bf16" on GPUs that
        have it, otherwise float32. Weights, losses and the statistics of softmax and LayerNorm stay in
        float32.
    tf32 : `bool`
        Whether GPUs multiply float32 matrices in TF32.
    """

    def __init__(self, name: Optional[str], tf32: bool, device: torch.device) -> None:
        if name == "auto":
            has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
            name = "bf16" if has_bf16 else None
        if name not in _DTYPES:
            raise ConfigurationError(
                f'trainer.precision is "{name}"; expected "auto", "bf16", "fp16" or null.'
            )
        if name == "fp16" and device.type != "cuda":
            raise ConfigurationError(
                'trainer.precision is "fp16", which needs a GPU; use "bf16" or null on this device.'
            )
        self.dtype = _DTYPES[name]
        self._device = device
        self.scaler = torch.amp.GradScaler("cuda") if name == "fp16" else None
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = tf32
            torch.backends.cudnn.allow_tf32 = tf32
        logger.info("Training in %s on %s.", name or "float32", device)

    def autocast(self) -> AbstractContextManager:
        return torch.autocast(self._device.type, dtype=self.dtype, enabled=self.dtype is not None)

    def max_tokens(self, model: torch.nn.Module) -> int:
        """
        How many tokens and entities of a micro-batch the device's free memory is estimated to hold: about 34
        values of 16 bits a layer and hidden unit are kept for the backward pass (Korthikanti et al. 2022,
        "Reducing Activation Recomputation in Large Transformer Models", section 4), twice as much in float32.
        """
        config: Any = next((m.config for m in model.modules() if hasattr(m, "config")), None)
        layers, hidden = (getattr(config, key, None) for key in ("num_hidden_layers", "hidden_size"))
        if self._device.type != "cuda" or not isinstance(layers, int) or not isinstance(hidden, int):
            return _CPU_TOKENS
        free, _ = torch.cuda.mem_get_info(self._device)
        # Gradients and the two averages of Adam are still to come.
        free -= 12 * sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        tokens = int(_USED * free / (34 * layers * hidden * (1 if self.dtype is not None else 2)))
        return max(tokens, _CPU_TOKENS)
