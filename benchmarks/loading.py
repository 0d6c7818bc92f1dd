"""
How much memory and time does it take to load an encoder for a task out of a pretrained checkpoint?

    python benchmarks/loading.py [--size large|base|tiny] [--entities 500000] [--directory DIR]
                                 [--forms safetensors zip legacy]

Creates a synthetic checkpoint of full size in each format, one at a time in a temporary directory (about 2 GB
for the large model), loads the encoder with the rows of `[PAD]` and `[MASK]` alone in a separate process, and
prints the peak of its anonymous memory, less what it has after the imports, against the size of the model.
Anonymous memory (RssAnon in /proc/self/status, Linux only) is what a process has to hold. The pages of the
mapped checkpoint are not counted: the kernel drops them whenever memory is needed. A thread samples it every
5 ms. The bound is 1.3. The format of torch before 1.6 is read at once and has no bound.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict

SIZES: Dict[str, Dict[str, int]] = {
    "tiny": dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128),
    "base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
    "large": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
}
FORMS = {
    "safetensors": "Hugging Face's, safetensors",
    "zip": "original, torch >= 1.6",
    "legacy": "original, torch < 1.6",
}
ENTITIES = ["[PAD]", "[MASK]"]
BOUND = 1.3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=sorted(SIZES), default="large")
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--directory", type=Path, help="where the temporary directory is made")
    parser.add_argument("--forms", nargs="+", choices=sorted(FORMS), default=list(FORMS))
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "PATH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        what, path = arguments.child
        print(json.dumps(CHILDREN[what](Path(path), arguments)))
        return

    print(f"{arguments.size}, {arguments.entities} entities, of which {len(ENTITIES)} are kept; sizes in MB")
    print(f"{'':30}{'file':>8}{'model':>8}{'peak':>8}{'ratio':>8}{'seconds':>9}")
    within = True
    for form in arguments.forms:
        with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
            written = _child(form, directory, arguments)
            loaded = _child("load", directory, arguments)
        peak = loaded["peak"]
        ratio = peak / loaded["model"]
        within = within and (form == "legacy" or ratio <= BOUND)
        sizes = "".join(f"{size / 1e6:8.0f}" for size in (written["file"], loaded["model"], peak))
        print(f"{FORMS[form]:30}{sizes}{ratio:8.2f}{loaded['seconds']:9.1f}", flush=True)
    if not within:
        raise SystemExit(f"more than {BOUND} times the model's size")


def _child(what: str, directory: str, arguments: argparse.Namespace) -> Dict[str, Any]:
    options = ["--size", arguments.size, "--entities", str(arguments.entities), "--child", what, directory]
    process = subprocess.run([sys.executable, __file__, *options], stdout=subprocess.PIPE, check=True)
    return json.loads(process.stdout.splitlines()[-1])


def _anonymous() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/self/status has no RssAnon; this benchmark needs Linux")


def load(directory: Path, arguments: argparse.Namespace) -> Dict[str, Any]:
    from transformers import LukeConfig  # noqa: F401

    from luke_allennlp.token_embedders.encoder_loading import load_encoder

    before = peak = _anonymous()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        encoder = load_encoder(str(directory), entities=ENTITIES)
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - start
    peak = max(peak, _anonymous())
    size = sum(parameter.numel() * parameter.element_size() for parameter in encoder.parameters())
    return {"peak": peak - before, "model": size, "seconds": seconds}


def write(form: str, directory: Path, arguments: argparse.Namespace) -> Dict[str, Any]:
    import torch
    from safetensors.torch import save_file
    from transformers import LukeConfig

    from luke_allennlp.modules import LukeEncoder

    options = dict(
        vocab_size=50265,
        entity_vocab_size=arguments.entities,
        entity_emb_size=min(256, SIZES[arguments.size]["hidden_size"] // 2),
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
        use_entity_aware_attention=False,  # pretrained releases have none of its queries
        **SIZES[arguments.size],
    )
    with torch.device("meta"):
        shapes = {
            name: value.shape for name, value in LukeEncoder(LukeConfig(**options)).state_dict().items()
        }
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.empty(shape).normal_(0, 0.02, generator=generator) for name, shape in shapes.items()}
    options["use_entity_aware_attention"] = True
    titles = ["[PAD]", "[UNK]", "[MASK]", *(f"Entity {number}" for number in range(3, arguments.entities))]
    if form == "safetensors":
        (directory / "config.json").write_text(json.dumps({"model_type": "luke", **options}))
        vocabulary = {title: number for number, title in enumerate(titles)}
        (directory / "entity_vocab.json").write_text(json.dumps(vocabulary))
        path = directory / "model.safetensors"
        save_file(state, path)
    else:
        # The tied weights of pretraining's heads are the same storages.
        state["lm_head.decoder.weight"] = state["embeddings.word_embeddings.weight"]
        state["entity_predictions.decoder.weight"] = state["entity_embeddings.entity_embeddings.weight"]
        metadata = {"model_config": {"bert_model_name": f"roberta-{arguments.size}", **options}}
        (directory / "metadata.json").write_text(json.dumps(metadata))
        (directory / "entity_vocab.tsv").write_text("".join(f"{title}\t1\n" for title in titles))
        path = directory / ("pytorch_model.bin" if form == "zip" else "luke.bin")
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    return {"file": path.stat().st_size}


CHILDREN: Dict[str, Any] = {
    "load": load,
    **{form: lambda *given, form=form: write(form, *given) for form in FORMS},
}


if __name__ == "__main__":
    main()
