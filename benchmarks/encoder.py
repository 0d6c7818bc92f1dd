"""
How long does the encoder take, against `transformers.LukeModel` on the same weights and inputs?

    python benchmarks/encoder.py [--size base|large|small] [--layers N] [--dtype float32|bfloat16]
                                 [--device cpu|cuda] [--rows inference training words memory] [--shapes ...]
                                 [--scale 1] [--runs 5]

First checks that both give the same states and gradients in float32, then times them in turns: inference,
steps of training (forward and backward, with dropout 0.1), text without entities against `RobertaModel`
with SDPA, and the peak memory of a step (on GPUs). Prints medians in milliseconds, and the median of the
ratios of all pairs. bfloat16: weights of that type in inference, autocast in training. For slow machines,
`--scale 0.25` takes a quarter of the sequences of each shape, and `--layers` fewer layers.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import torch
import transformers
from torch import Tensor
from transformers import LukeConfig, LukeModel, RobertaConfig, RobertaModel

from luke_allennlp.modules import LukeEncoder

SIZES: Dict[str, Dict[str, int]] = {
    "small": dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024),
    "base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
    "large": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
}
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
    """Spans as Hugging Face's tokenizer lists them: 30 positions each."""
    theirs = dict(input_ids=inputs["token_ids"], attention_mask=inputs["token_mask"].long())
    if "entity_ids" in inputs:
        spans = inputs["entity_spans"]
        lists = torch.full((*spans.shape[:2], 30), -1, device=spans.device)
        lists[..., :3] = spans[..., :1] + torch.arange(3, device=spans.device)
        theirs.update(
            entity_ids=inputs["entity_ids"],
            entity_attention_mask=inputs["entity_mask"].long(),
            entity_position_ids=lists,
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
        sum((output * weight).mean() for output, weight in zip(outputs, weights, strict=True)).backward()
        states.append([output.detach() for output in outputs])
        gradients.append(model.get_parameter("encoder.layer.0.attention.self.query.weight").grad.clone())
    difference = max((a - b).abs().max().item() for a, b in zip(*states, strict=True))
    relative = ((gradients[0] - gradients[1]).norm() / gradients[1].norm()).item()
    print(f"  equal in float32: states to {difference:.1e}, a gradient to {relative:.1e} of its norm")
    if not difference < TOLERANCE or not relative < 1e-3:
        raise SystemExit(f"they differ by more than {TOLERANCE}: there is nothing to compare")


def in_turns(ours: Callable[[], Any], theirs: Callable[[], Any], runs: int, device: str) -> str:
    times: Tuple[List[float], List[float]] = ([], [])
    for number in range(runs + 1):
        for place, run in enumerate((ours, theirs)):
            start = now(device)
            run()
            if number:  # the first warms up
                times[place].append(now(device) - start)
    ratios = sorted(b / a for a, b in zip(*times, strict=True))
    middle = [1000 * statistics.median(values) for values in times]
    return (
        f"ours {middle[0]:9,.1f} ms, theirs {middle[1]:9,.1f} ms, theirs / ours "
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def instruction_sets() -> str:
    path = Path("/proc/cpuinfo")
    flags = set(path.read_text().split()) if path.exists() else set()
    return ", ".join(flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if flag in flags)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=sorted(SIZES), default="base")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    choices = ["inference", "training", "words", "memory"]
    parser.add_argument("--rows", nargs="+", choices=choices, default=choices[:3])
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=list(SHAPES))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    device, dtype = arguments.device, getattr(torch, arguments.dtype)
    settings = dict(SIZES[arguments.size])
    settings["num_hidden_layers"] = arguments.layers or settings["num_hidden_layers"]
    common: Dict[str, Any] = dict(vocab_size=50267, max_position_embeddings=514, type_vocab_size=1)
    common.update(layer_norm_eps=1e-5, pad_token_id=1, **settings)
    machine = instruction_sets() if device == "cpu" else torch.cuda.get_device_name()
    print(
        f"{arguments.size}, {settings['num_hidden_layers']} layers, {arguments.dtype}; {machine}, "
        f"{torch.get_num_threads()} threads; torch {torch.__version__}, "
        f"transformers {transformers.__version__}"
    )

    torch.manual_seed(0)
    config = LukeConfig(entity_vocab_size=2, entity_emb_size=256, **common)
    roberta_config = RobertaConfig(attn_implementation="sdpa", **common)
    ours = LukeEncoder(config).to(device)
    luke = LukeModel(config, add_pooling_layer=False).to(device)
    luke.load_state_dict(ours.state_dict())
    roberta = RobertaModel(roberta_config, add_pooling_layer=False).to(device)
    roberta.load_state_dict(ours.state_dict(), strict=False)
    for name in arguments.shapes:
        shape = SHAPES[name]
        shape = shape._replace(batch=max(round(shape.batch * arguments.scale), 1))
        inputs = make_inputs(shape, device)
        words = {key: inputs[key] for key in ("token_ids", "token_mask")}
        print(f"{shape}")
        check(ours, luke, inputs)
        for row in arguments.rows:
            theirs, given = (roberta, words) if row == "words" else (luke, inputs)
            if row in ("inference", "words"):
                pair = [model.eval().to(dtype) for model in (ours, theirs)]
                with torch.inference_mode():
                    result = in_turns(*runs_of(pair[0], pair[1], given), arguments.runs, device)
                ours.float(), theirs.float()
            else:
                ours.train(), theirs.train()

                def step(run: Run, model: Any) -> None:
                    with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                        outputs = run()
                    sum(output.float().pow(3).mean() for output in outputs).backward()
                    model.zero_grad()

                steps = [
                    lambda run=run, model=model: step(run, model)
                    for run, model in zip(runs_of(ours, theirs, given), (ours, theirs), strict=True)
                ]
                if row == "training":
                    result = in_turns(steps[0], steps[1], arguments.runs, device)
                else:
                    peaks = []
                    for run in steps:
                        torch.cuda.reset_peak_memory_stats()
                        run()
                        peaks.append(torch.cuda.max_memory_allocated() / 2**30)
                    ratio = peaks[0] / peaks[1]
                    result = f"ours {peaks[0]:.1f} GiB, theirs {peaks[1]:.1f} GiB, ours / theirs {ratio:.2f}"
            print(f"  {row:10} {result}", flush=True)


if __name__ == "__main__":
    main()
