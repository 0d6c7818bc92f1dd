"""
How long does the encoder take, against `transformers.LukeModel` on the same weights and inputs?

    python benchmarks/encoder.py [--size base large] [--layers N] [--dtype float32|bfloat16]
                                 [--device cpu|cuda] [--rows inference training words memory profile]
                                 [--shapes long mixed short] [--their-dtype float32] [--scale 1] [--runs 5]

First checks that both give the same states and gradients in float32, then times them in turns: inference,
steps of training (forward and backward, with dropout 0.1), text without entities against `RobertaModel`
with SDPA, and the peak memory of a step. Prints medians in milliseconds, the median of the ratios of all
pairs, and which share of the machine's rate for large matrix products ours is
(`harness.encoder_operations` counts). `profile` prints what takes the time of ours. bfloat16: weights of
that type in inference, autocast in training. `--their-dtype` is that of theirs in inference. For slow
machines, `--scale 0.25` takes a quarter of the sequences of each shape, and `--layers` fewer layers.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity
from transformers import LukeConfig, LukeModel, RobertaConfig, RobertaModel

from harness import (
    SIZES,
    encoder_operations,
    in_turns,
    machine_line,
    make_config,
    make_parser,
    matrix_rate,
    rate_text,
    ratio_text,
    span_lists,
)
from luke_allennlp.modules import LukeEncoder

TOLERANCE = 5e-5  # of states of unit variance, after up to 24 layers of float32 sums in different orders


class Shape(NamedTuple):
    """With `mixed`, lengths are drawn evenly up to these."""

    batch: int
    tokens: int
    entities: int
    mixed: bool = False

    def __str__(self) -> str:
        if self.mixed:
            return f"mixed, {self.batch} x up to ({self.tokens} + {self.entities})"
        return f"{self.batch} x ({self.tokens} + {self.entities})"


SHAPES = {
    "long": Shape(16, 512, 128),
    "mixed": Shape(32, 512, 128, mixed=True),
    "short": Shape(32, 64, 2),
}


def make_inputs(shape: Shape, device: str) -> Dict[str, Tensor]:
    """For our encoder. Spans have three tokens."""
    generator = torch.Generator().manual_seed(0)

    def lengths(longest: int, least: int) -> Tensor:
        drawn = torch.full((shape.batch,), longest)
        if shape.mixed:
            drawn = torch.randint(least, longest + 1, (shape.batch,), generator=generator)
            drawn[0] = longest
        return drawn[:, None]

    num_tokens, num_entities = lengths(shape.tokens, 40), lengths(shape.entities, 1)
    token_mask = torch.arange(shape.tokens) < num_tokens
    entity_mask = torch.arange(shape.entities) < num_entities
    ids = torch.randint(5, 50000, token_mask.shape, generator=generator).masked_fill(~token_mask, 1)
    first = (torch.rand(entity_mask.shape, generator=generator) * (num_tokens - 4)).long() + 1
    inputs = dict(
        token_ids=ids,
        token_mask=token_mask,
        entity_ids=entity_mask.long(),
        entity_spans=torch.stack([first, first + 2], dim=-1),
        entity_mask=entity_mask,
    )
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def for_theirs(inputs: Dict[str, Tensor]) -> Dict[str, Tensor]:
    theirs = dict(input_ids=inputs["token_ids"], attention_mask=inputs["token_mask"].long())
    if "entity_ids" in inputs:
        theirs.update(
            entity_ids=inputs["entity_ids"],
            entity_attention_mask=inputs["entity_mask"].long(),
            entity_position_ids=span_lists(inputs["entity_spans"]),
        )
    return theirs


Run = Callable[[], List[Tensor]]


def runs_of(ours: LukeEncoder, theirs: Any, inputs: Dict[str, Tensor]) -> Tuple[Run, Run]:
    """Each gives the states of what is not padding."""
    their_inputs = for_theirs(inputs)
    with_entities = "entity_ids" in inputs

    def run_ours() -> List[Tensor]:
        tokens, entities = ours(**inputs)
        states = [tokens[inputs["token_mask"]]]
        return [*states, entities[inputs["entity_mask"]]] if with_entities else states

    def run_theirs() -> List[Tensor]:
        output = theirs(**their_inputs)
        states = [output.last_hidden_state[inputs["token_mask"]]]
        if with_entities:
            states.append(output.entity_last_hidden_state[inputs["entity_mask"]])
        return states

    return run_ours, run_theirs


def check(ours: LukeEncoder, theirs: Any, inputs: Dict[str, Tensor]) -> None:
    """Equality in float32, without dropout."""
    ours.eval(), theirs.eval()
    states, gradients = [], []
    for run, model in zip(runs_of(ours, theirs, inputs), (ours, theirs), strict=True):
        model.zero_grad()
        outputs = run()
        # Not of their squares, which layer normalisation makes constant.
        generator = torch.Generator().manual_seed(0)
        weights = [torch.randn(output.shape, generator=generator).to(output.device) for output in outputs]
        pairs = zip(outputs, weights, strict=True)
        torch.stack([(output * weight).mean() for output, weight in pairs]).sum().backward()
        states.append([output.detach() for output in outputs])
        gradients.append(model.get_parameter("encoder.layer.0.attention.self.query.weight").grad.clone())
    difference = max((a - b).abs().max().item() for a, b in zip(*states, strict=True))
    relative = ((gradients[0] - gradients[1]).norm() / gradients[1].norm()).item()
    print(f"  equal in float32: states to {difference:.1e}, a gradient to {relative:.1e} of its norm")
    if not difference < TOLERANCE or not relative < 1e-3:
        raise SystemExit(f"they differ by more than {TOLERANCE}: there is nothing to compare")


# What takes the time, by parts of the names of torch's operators and kernels; the first that fits.
KINDS = {
    "attention": ("attention", "Attention", "flash", "fmha", "softmax", "logaddexp"),
    "matrix products": ("mm", "gemm", "Gemm", "nvjet", "cutlass"),
    "dropout": ("bernoulli", "random", "dropout", "rand"),
    "copies": ("copy", "cat", "Cat", "index", "gather", "scatter", "Memcpy", "fill", "Memset"),
    "normalization and activation": ("norm", "gelu", "Gelu"),
}


def profile(run: Callable[[], Any], device: str) -> str:
    """Shares of the time of one run. Products within hand-written attention are matrix products."""
    run()
    activity = ProfilerActivity.CPU if device == "cpu" else ProfilerActivity.CUDA
    with torch.profiler.profile(activities=[activity]) as profiler:
        run()
    seconds = dict.fromkeys([*KINDS, "other"], 0.0)
    for event in profiler.key_averages():
        kind = next(
            (kind for kind, parts in KINDS.items() if any(part in event.key for part in parts)), "other"
        )
        seconds[kind] += event.self_cpu_time_total if device == "cpu" else event.self_device_time_total
    total = sum(seconds.values())
    return ", ".join(f"{kind} {value / total:.0%}" for kind, value in seconds.items())


class Limit(NamedTuple):
    """The matrix rate of the machine, and the operations of a forward pass."""

    rate: float
    operations: float


def timed(pair: Tuple[Callable[[], Any], Callable[[], Any]], limit: Limit, runs: int, device: str) -> str:
    ours, theirs = in_turns(pair, runs, device)
    middle = [1000 * statistics.median(values) for values in (ours, theirs)]
    share = limit.operations / statistics.median(ours) / limit.rate
    return (
        f"ours {middle[0]:9,.1f} ms, theirs {middle[1]:9,.1f} ms, theirs / ours "
        f"{ratio_text(theirs, ours)}, {share:.0%} of the matrix rate"
    )


def inference(pair: Tuple[Run, Run], models: Tuple[Any, Any], limit: Limit, options: Any) -> str:
    for model, name in zip(models, (options.dtype, options.their_dtype or options.dtype), strict=True):
        model.eval().to(getattr(torch, name))
    with torch.inference_mode():
        result = timed(pair, limit, options.runs, options.device)
    for model in models:
        model.float()
    return result


def inference_of(run: Run, model: Any, dtype: str) -> None:
    model.eval().to(getattr(torch, dtype))
    with torch.inference_mode():
        run()
    model.float()


def steps_of(pair: Tuple[Run, Run], models: Tuple[Any, Any], options: Any) -> Any:
    def step(run: Run, model: Any) -> None:
        model.train()
        with torch.autocast(options.device, torch.bfloat16, enabled=options.dtype == "bfloat16"):
            outputs = run()
        torch.stack([output.float().pow(3).mean() for output in outputs]).sum().backward()
        model.zero_grad()

    return tuple(
        lambda run=run, model=model: step(run, model) for run, model in zip(pair, models, strict=True)
    )


def memory(steps: Any, models: Tuple[Any, Any], device: str) -> str:
    """Of the model alone: its weights, and by how much the memory in use grows in a step."""
    peaks = []
    for step, model in zip(steps, models, strict=True):
        step()  # what is allocated once
        before = _memory(device, reset=True)
        step()
        weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
        peaks.append((_memory(device) - before + weights) / 2**30)
    return f"ours {peaks[0]:.2f} GiB, theirs {peaks[1]:.2f} GiB, ours / theirs {peaks[0] / peaks[1]:.2f}"


def _memory(device: str, reset: bool = False) -> int:
    """The peak since the last reset. On CPUs that of the process, which only Linux resets."""
    if device != "cpu":
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated()
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(size: str, arguments: argparse.Namespace) -> None:
    device = arguments.device
    rate = matrix_rate(device, getattr(torch, arguments.dtype))
    print(f"{machine_line(arguments, size)}; matrix rate {rate_text(rate)}", flush=True)
    torch.manual_seed(0)
    config = make_config(size, arguments.layers, vocab_size=50267, entity_vocab_size=2)
    roberta_config = RobertaConfig(attn_implementation="sdpa", **_common(config))
    with torch.device(device):
        ours = LukeEncoder(config)
        luke = LukeModel(config, add_pooling_layer=False)
        roberta = RobertaModel(roberta_config, add_pooling_layer=False)
    luke.load_state_dict(ours.state_dict())
    roberta.load_state_dict(ours.state_dict(), strict=False)
    for name in arguments.shapes:
        shape = SHAPES[name]
        shape = shape._replace(batch=max(round(shape.batch * arguments.scale), 1))
        inputs = make_inputs(shape, device)
        num_tokens, num_entities = (inputs[f"{kind}_mask"].sum(1) for kind in ("token", "entity"))
        print(f"{shape}")
        check(ours, luke, inputs)
        for row in arguments.rows:
            given = inputs
            models: Tuple[Any, Any] = (ours, luke)
            if row == "words":
                given = {key: inputs[key] for key in ("token_ids", "token_mask")}
                models, num_entities = (ours, roberta), torch.zeros_like(num_entities)
            pair = runs_of(*models, given)
            limit = Limit(rate, encoder_operations(config, num_tokens, num_entities))
            steps = steps_of(pair, models, arguments)
            if row == "profile":
                result = f"of a training step: {profile(steps[0], device)}"
                inferred = partial(inference_of, pair[0], ours, arguments.dtype)
                print(f"  {row:10} of inference: {profile(inferred, device)}")
            elif row == "training":
                limit = limit._replace(operations=3 * limit.operations)
                result = timed(steps, limit, arguments.runs, device)
            elif row == "memory":
                result = memory(steps, models, device)
            else:
                result = inference(pair, models, limit, arguments)
            print(f"  {row:10} {result}", flush=True)


def _common(config: LukeConfig) -> Dict[str, Any]:
    """What RoBERTa's config has too."""
    names = [*SIZES["base"], "vocab_size", "max_position_embeddings", "type_vocab_size", "layer_norm_eps"]
    return {name: getattr(config, name) for name in [*names, "pad_token_id"]}


def main() -> None:
    parser = make_parser(__doc__, runs=5)
    parser.add_argument("--size", nargs="+", choices=sorted(SIZES), default=["base"])
    choices = ["inference", "training", "words", "memory"]
    parser.add_argument("--rows", nargs="+", choices=[*choices, "profile"], default=choices)
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=list(SHAPES))
    parser.add_argument("--their-dtype", choices=["float32", "bfloat16"])
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    for size in arguments.size:
        measure(size, arguments)


if __name__ == "__main__":
    main()
