"""What the benchmarks share: their options, sizes of models, the machine's line, timing, and rates."""

import argparse
import json
import logging
import os
import platform
import statistics
import time
from functools import partialmethod
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import torch
import transformers
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]
from transformers import LukeConfig

ROOT = Path(__file__).resolve().parent.parent
SIZES: Dict[str, Dict[str, int]] = {
    "tiny": dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128),
    "small": dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024),
    "base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
    "large": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
}
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_tile")


def make_parser(description: Optional[str], runs: int) -> argparse.ArgumentParser:
    """With the options of all scripts but `--size`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, help="instead of the size's")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--runs", type=int, default=runs, help="of each, after one to warm up")
    return parser


def make_config(size: str, layers: Optional[int], **options: Any) -> LukeConfig:
    """Of RoBERTa's form."""
    common: Dict[str, Any] = dict(max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
    common.update(pad_token_id=1, bos_token_id=0, eos_token_id=2, entity_emb_size=256, **SIZES[size])
    common["num_hidden_layers"] = layers or common["num_hidden_layers"]
    return LukeConfig(**{**common, **options})


def machine_line(arguments: argparse.Namespace, size: str) -> str:
    layers = arguments.layers or SIZES[size]["num_hidden_layers"]
    if arguments.device == "cpu":
        path = Path("/proc/cpuinfo")
        lines = path.read_text().splitlines() if path.exists() else []
        values = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
        flags = set(values.get("flags", "").split())
        machine = values.get("model name", platform.machine()).strip()
        machine += f" ({', '.join(name for name in INSTRUCTION_SETS if name in flags)})"
        machine += f", {torch.get_num_threads()} threads of {os.cpu_count()} cores"
    else:
        machine = torch.cuda.get_device_name()
    return (
        f"{size}, {layers} layers, {arguments.dtype}; {machine}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}"
    )


def silence() -> None:
    """No progress bars, and no messages below errors."""
    logging.disable(logging.WARNING)
    tqdm.__init__ = partialmethod(tqdm.__init__, disable=True)


def now(device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def in_turns(functions: Sequence[Callable[[], Any]], runs: int, device: str) -> List[List[float]]:
    """The seconds of each run of each function. The first round warms up and is not among them."""
    times: List[List[float]] = [[] for _ in functions]
    for number in range(runs + 1):
        for place, function in enumerate(functions):
            start = now(device)
            function()
            if number:
                times[place].append(now(device) - start)
    return times


def ratio_text(over: Sequence[float], under: Sequence[float]) -> str:
    """The median of the ratios of pairs, and their range."""
    ratios = sorted(a / b for a, b in zip(over, under, strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Operations a second of a product of large square matrices, the best of five: the physical limit."""
    products = 1 if device == "cpu" else 10

    def seconds(size: int, runs: int) -> float:
        # Not zeros, with which GPUs take less power, and so are faster.
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        return min(in_turns([lambda: [left @ right for _ in range(products)]], runs, device)[0])

    size = 8192
    if device == "cpu":
        size = 2048 if seconds(256, 1) < 0.01 else 256  # CPUs without instructions for bfloat16 are slow
    return 2 * size**3 * products / seconds(size, 5)


def rate_text(operations: float) -> str:
    return f"{operations / 1e12:,.1f} TFLOP/s" if operations > 1e12 else f"{operations / 1e9:,.0f} GFLOP/s"


def encoder_operations(config: LukeConfig, num_tokens: Tensor, num_entities: Tensor) -> float:
    """
    Floating-point operations of a forward pass, padding aside; a training step has three times as many. Each
    token and each entity takes two operations for each weight of the linear layers (two queries with
    entity-aware attention), and attention four for each hidden unit and each item that it attends to.
    Embeddings, normalization and activations are not counted.

    # Parameters

    num_tokens, num_entities : `Tensor`
        Of each text. Shape: (batch,).
    """
    hidden, layers = config.hidden_size, config.num_hidden_layers
    queries = 2 if config.use_entity_aware_attention and int(num_entities.sum()) else 1
    weights = (queries + 3) * hidden**2 + 2 * hidden * config.intermediate_size
    lengths = (num_tokens + num_entities).double()
    return layers * (2 * weights * lengths.sum().item() + 4 * hidden * lengths.square().sum().item())


def span_lists(spans: Tensor, longest: int = 30) -> Tensor:
    """
    First and last token of each entity as Hugging Face's `entity_position_ids`.

    Shapes: (batch, entities, 2) -> (batch, entities, longest).
    """
    positions = spans[..., :1] + torch.arange(longest, device=spans.device)
    return positions.masked_fill((positions > spans[..., 1:]) | (spans[..., :1] < 0), -1)


def make_trainer(config: Path, overrides: Dict[str, Any], run: Path) -> Any:
    """The trainer of a config as `allennlp train` makes it, without validation and checkpoints."""
    from allennlp.commands.train import TrainModel
    from allennlp.common import Params
    from allennlp.common.util import prepare_environment

    fixed: Dict[str, Any] = {
        "trainer.num_epochs": None,
        "trainer.checkpointer": {"save_every_num_steps": None, "save_every_num_minutes": None},
        "trainer.validation_metric": None,
        "trainer.callbacks": [],
        "validation_data_path": None,
    }
    params = Params.from_file(config, json.dumps({**fixed, **overrides}))
    prepare_environment(params)
    for key in ("distributed", "include_in_archive"):
        params.pop(key, None)
    job = TrainModel.from_params(params=params, serialization_dir=str(run), local_rank=0, batch_weight_key="")
    return job.trainer


def in_rounds(trainer: Any, updates: int, device: str, next_round: Callable[[Optional[float]], None]) -> None:
    """
    Trains, and calls `next_round` after the first update and then after each round of updates, with the
    seconds that it took. Hooks torch's optimizer alone, so that trainers of other versions fit.
    """
    original, done, begin = trainer.optimizer.step, 0, 0.0

    def step(*arguments: Any, **options: Any) -> Any:
        nonlocal done, begin
        result = original(*arguments, **options)
        if done % updates == 0:
            next_round(now(device) - begin if done else None)
            begin = now(device)
        done += 1
        return result

    trainer.optimizer.step = step
    trainer.train()
