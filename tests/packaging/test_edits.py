"""What each edit of `packaging/edits` brings about in the installed AllenNLP."""

import errno
import importlib
import importlib.util
import io
import json
import os
import pickle
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import types
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy
import pytest
import torch
import torch.multiprocessing
import transformers
from allennlp.commands import main
from allennlp.commands.unused_overrides import refuse_unused_overrides
from allennlp.common import Params, Registrable
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.file_utils import written_whole
from allennlp.data.data_loaders import MultiProcessDataLoader, SimpleDataLoader
from allennlp.data.dataset_readers import TextClassificationJsonReader
from allennlp.data.token_indexers import PretrainedTransformerIndexer
from allennlp.data.tokenizers import PretrainedTransformerTokenizer, WhitespaceTokenizer
from allennlp.data.vocabulary import Vocabulary
from allennlp.models import BasicClassifier, Model
from allennlp.models.archival import archive_model
from allennlp.modules.seq2vec_encoders import BagOfEmbeddingsEncoder
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from allennlp.modules.token_embedders import Embedding
from allennlp.nn import util as nn_util
from allennlp.training import Checkpointer, GradientDescentTrainer, launch
from allennlp.training.optimizers import Optimizer

from edits import EDITS

HERE = Path(__file__).parent
without = {
    name: pytest.mark.skipif(importlib.util.find_spec(name) is not None, reason=f"{name} is installed")
    for name in ("torchvision", "fairscale", "wandb", "rouge")
}


ARCHIVED = {
    **{f"{kind}dataset_reader": {"type": "x", "t": {"model_name": "a"}} for kind in ("", "validation_")},
    **{f"{kind}data_loader": {"batch_size": 2} for kind in ("", "validation_")},
    "model": {"type": "y", "dropout": 0.5, "embedder": {"model_name": "a"}},
    "trainer": {"num_epochs": 2},
}
EVALUATE = (
    ("model", "validation_dataset_reader", "validation_data_loader", "evaluation"),
    {"dataset_reader": "validation_dataset_reader", "data_loader": "validation_data_loader"},
)


def test_every_edit_is_tested_and_documented():
    sources = "".join(path.read_text("utf-8") for path in HERE.parent.rglob("test_*.py"))
    tested = set(re.findall(r"pytest\.mark\.edit\(\"([\w-]+)\"\)", sources))
    assert tested == {edit.name for edit in EDITS}
    readme = (HERE.parents[1] / "packaging" / "README.md").read_text("utf-8")
    assert tested <= set(re.findall(r"`([a-z0-9-]+)`", readme))


class Evil:
    """Pickled, it does something when it is read that a file of weights should not do."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return (open, (self.trace, "w"))


@pytest.fixture
def evil_weights(tmp_path):
    path = tmp_path / "evil.th"
    torch.save({"weight": Evil(tmp_path / "trace")}, path)
    yield path
    assert not (tmp_path / "trace").exists()


@pytest.fixture(scope="module")
def lines_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    lines = [{"text": f"a {w} film", "label": label} for w, label in [("good", "yes"), ("bad", "no")] * 6]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def make_trainer(lines_file, folder, epochs, dropout=None, **checkpoints):
    """A trainer of a tiny classifier, the same each time."""
    torch.manual_seed(1)
    instances = list(TextClassificationJsonReader(tokenizer=WhitespaceTokenizer()).read(lines_file))
    vocab = Vocabulary.from_instances(instances)
    embedder = BasicTextFieldEmbedder({"tokens": Embedding(vocab=vocab, embedding_dim=4)})
    model = BasicClassifier(vocab, embedder, BagOfEmbeddingsEncoder(4, averaged=True), dropout=dropout)
    return GradientDescentTrainer(
        model,
        Optimizer.by_name("huggingface_adamw")(list(model.named_parameters()), lr=0.1),
        SimpleDataLoader(instances, 4, vocab=vocab),
        validation_data_loader=SimpleDataLoader(instances, 4, vocab=vocab),
        num_epochs=epochs,
        serialization_dir=str(folder),
        checkpointer=Checkpointer(folder, **checkpoints),
        cuda_device=-1,
        run_confidence_checks=False,
    )


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


@contextmanager
def files_of_at_most(size):
    """Larger ones cannot be written, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class TestStart:
    @pytest.mark.edit("register-on-demand")
    def test_a_module_is_imported_for_a_name_that_is_not_registered(self, tmp_path, monkeypatch):
        (tmp_path / "on_demand.py").write_text(
            "from allennlp.common import Registrable\nfrom allennlp.models import Model\n"
            "Model.register('late')(type('Late', (Model,), {}))\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        Model.list_available()  # what others name is imported
        Registrable.register_on_demand("on_demand")
        assert Model.by_name("basic_classifier") is BasicClassifier and "on_demand" not in sys.modules
        try:
            assert Model.by_name("late").__name__ == "Late" and "late" in Model.list_available()
        finally:
            Registrable._registry[Model].pop("late", None)
        Registrable.register_on_demand("there_is_no_such_module")
        try:
            for _ in range(2):
                with pytest.raises(ModuleNotFoundError):
                    Model.list_available()
        finally:
            Registrable._on_demand.remove((Registrable, "there_is_no_such_module"))

    @pytest.mark.edit("plugins-by-entry-point")
    def test_an_installed_plugin(self, tmp_path, monkeypatch):
        from allennlp.common.plugins import discover_plugins

        information = tmp_path / "other-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text("[allennlp.plugins]\nany = other.components\n")
        (tmp_path / ".allennlp_plugins").write_text("named\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        found = list(discover_plugins())
        assert found[0] == "named" and found.count("other.components") == 1

    @pytest.mark.edit("register-on-demand")
    def test_what_a_package_overrides_may_be_imported_after_it(self):
        class Some(Registrable):
            pass

        for name in ("overriding", "overridden"):
            Some.register("name", exist_ok=name == "overriding")(type(name, (Some,), {}))
        assert Some.by_name("name").__name__ == "overriding"


class TestOptional:
    @pytest.mark.edit("torchvision-optional")
    @without["torchvision"]
    def test_what_needs_torchvision_says_so(self):
        from allennlp.data.image_loader import TorchImageLoader
        from allennlp.modules.vision.grid_embedder import ResnetBackbone
        from allennlp.modules.vision.region_detector import FasterRcnnRegionDetector

        for cls in (TorchImageLoader, ResnetBackbone, FasterRcnnRegionDetector):
            with pytest.raises(ImportError, match="pip install torchvision"):
                cls()

    @pytest.mark.edit("fairscale-optional")
    @without["fairscale"]
    @pytest.mark.slow
    def test_all_of_allennlp_is_imported_without_fairscale(self):
        from allennlp.common.util import import_module_and_submodules
        from allennlp.nn.checkpoint import CheckpointWrapper
        from allennlp.nn.parallel import DdpAccelerator

        import_module_and_submodules("allennlp")
        import_module_and_submodules("allennlp_models")
        assert "fairscale_fsdp" not in DdpAccelerator.list_available()
        assert "torch" in DdpAccelerator.list_available()
        assert "torch" in CheckpointWrapper.list_available()

    @pytest.mark.edit("wandb")
    @without["wandb"]
    def test_wandb_says_what_is_missing(self, tmp_path):
        from allennlp.training.callbacks import TrainerCallback

        with pytest.raises(ImportError, match="pip install wandb"):
            TrainerCallback.by_name("wandb")(serialization_dir=str(tmp_path))

    @pytest.mark.edit("wandb")
    def test_wandb_run_gets_an_id(self, tmp_path, monkeypatch, lines_file):
        from allennlp.training.callbacks.wandb import WandBCallback

        calls = {}
        fake = types.ModuleType("wandb")
        fake.__spec__ = importlib.util.spec_from_loader("wandb", loader=None)
        fake.init = lambda **options: calls.update(options)
        fake.save = fake.watch = lambda *_, **__: None
        monkeypatch.setitem(sys.modules, "wandb", fake)
        (tmp_path / "config.json").write_text("{}")
        callback = WandBCallback(serialization_dir=str(tmp_path))
        callback.on_start(make_trainer(lines_file, tmp_path, 1))
        assert re.fullmatch("[0-9a-f]{8}", calls["id"])
        assert callback.state_dict() == {"run_id": calls["id"]}

    @pytest.mark.edit("narrativeqa-at-call")
    @without["rouge"]
    def test_reading_comprehension_is_imported_without_network_and_rouge(self, monkeypatch):
        import nltk

        def fetch(name, **_):
            raise AssertionError(f"{name} was fetched from the network")

        monkeypatch.setattr(nltk, "download", fetch)
        for name in [name for name in sys.modules if name.startswith("allennlp_models.rc.tools")]:
            monkeypatch.delitem(sys.modules, name)
        from allennlp_models.rc.tools import narrativeqa

        assert narrativeqa.bleu_1(["a", "b"], [["a", "b"]]) == 1.0
        with pytest.raises(ImportError, match="pip install py-rouge"):
            narrativeqa.rouge_l("a b", ["a b"])
        # The data that its tokenizer needs is asked for when it is needed, under today's name.
        monkeypatch.setattr(nltk.data, "find", lambda name: (_ for _ in ()).throw(LookupError(name)))
        with pytest.raises(AssertionError, match="punkt_tab was fetched"):
            narrativeqa.get_metric_score("a b", ["a b"])


class TestTorch:
    @pytest.mark.edit("reduce-on-plateau-verbose")
    def test_reduce_on_plateau(self):
        from allennlp.training.learning_rate_schedulers import LearningRateScheduler

        optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
        params = Params({"type": "reduce_on_plateau", "patience": 0, "factor": 0.1, "verbose": True})
        scheduler = LearningRateScheduler.from_params(params, optimizer=optimizer)
        for _ in range(3):
            scheduler.step(1.0)
        assert optimizer.param_groups[0]["lr"] < 1.0

    @pytest.mark.edit("torch-load")
    def test_weights_are_read_without_running_what_they_hold(self, evil_weights, monkeypatch):
        from allennlp.common import cached_transformers
        from allennlp.nn.initializers import PretrainedModelInitializer
        from transformers import BertConfig

        config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
        monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", lambda *_, **__: config)
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            cached_transformers.get("x", False, override_weights_file=str(evil_weights))
        for read in (nn_util.read_state_dict, PretrainedModelInitializer):
            with pytest.raises(ConfigurationError, match="it holds io.open where weights hold tensors"):
                read(str(evil_weights))

    @pytest.mark.edit("torch-load")
    def test_tensor_cache(self, tmp_path):
        from allennlp.common.file_utils import TensorCache

        cache = TensorCache(tmp_path / "cache")
        # A view on a larger storage is stored without the rest of it.
        cache["some"] = torch.arange(100_000, dtype=torch.float64)[10:13]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cache["whole"] = torch.ones(2, dtype=torch.bfloat16)
        cache.cache_cache.clear()
        assert torch.equal(cache["some"], torch.tensor([10.0, 11.0, 12.0], dtype=torch.float64))
        assert torch.equal(cache["whole"], torch.ones(2, dtype=torch.bfloat16))
        with cache.lmdb_env.begin() as transaction:
            assert len(transaction.get(b"some")) < 10_000

    @pytest.mark.edit("safe-archives")
    def test_damaged_archives_are_noticed_and_leave_nothing(self, tmp_path, monkeypatch):
        from allennlp.models.archival import extracted_archive

        path, unpacked = tmp_path / "model.tar.gz", tmp_path / "unpacked"
        content = numpy.random.default_rng(3).bytes(100_000)
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            entry = tarfile.TarInfo("weights.th")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        whole = path.read_bytes()
        unpacked.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(unpacked))
        with extracted_archive(str(path)) as place:
            assert (Path(place) / "weights.th").read_bytes() == content
        flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (50_000, len(whole) - 5)]
        for damaged in (*flipped, whole[:50_000]):
            path.write_bytes(damaged)
            with pytest.raises(ConfigurationError, match="model.tar.gz is (damaged|not a model archive)"):
                with extracted_archive(str(path), cleanup=False):
                    pass
            assert not list(unpacked.iterdir())

    @pytest.mark.edit("safe-weights")
    def test_damaged_weights_are_named(self, tmp_path):
        path = tmp_path / "weights.th"
        torch.save({"weight": torch.ones(2)}, path)
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(ConfigurationError, match="weights.th cannot be read as weights"):
            nn_util.read_state_dict(path)
        torch.save([torch.ones(2)], path)
        with pytest.raises(ConfigurationError, match="weights.th holds a list"):
            nn_util.read_state_dict(path)

    @pytest.mark.edit("submodules-by-full-name")
    def test_packages_of_the_same_name_are_not_imported(self, tmp_path, monkeypatch):
        from allennlp.common.util import import_module_and_submodules

        for name in ("full_name", "full_name/inner", "inner"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").touch()
        (tmp_path / "full_name/inner/module.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path))
        import_module_and_submodules("full_name")
        assert "full_name.inner.module" in sys.modules and "inner" not in sys.modules

    @pytest.mark.edit("untrusted-configs")
    def test_configs_of_archives_are_marked(self, tmp_path):
        """`tests/test_untrusted_archives.py` has what they must not do."""
        from allennlp.common.untrusted import UntrustedConfigError, read_config
        from allennlp.data.tokenizers import Tokenizer

        config = {"dataset_reader": {"tokenizers": [{"type": "collections.Counter"}]}, "model": {}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(UntrustedConfigError, match="dataset_reader.tokenizers.0.type in config.json"):
            read_config(tmp_path)
        trusted = read_config(tmp_path, trusted=True)["dataset_reader"]["tokenizers"][0]
        assert Tokenizer.from_params(trusted) == Counter()

    @pytest.mark.edit("spawned-data-workers")
    @pytest.mark.slow
    def test_spawned_workers_read(self, lines_file):
        reader = TextClassificationJsonReader(tokenizer=WhitespaceTokenizer())
        loader = MultiProcessDataLoader(reader, lines_file, batch_size=5, num_workers=1, start_method="spawn")
        loader.index_with(Vocabulary.from_instances(reader.read(lines_file)))
        assert sorted(len(batch["label"]) for batch in loader) == [2, 5, 5]

    @pytest.mark.edit("amp")
    def test_training_uses_nothing_deprecated(self, lines_file, tmp_path):
        from allennlp.nn.parallel.ddp_accelerator import DdpWrappedModel

        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            warnings.simplefilter("error", DeprecationWarning)
            metrics = make_trainer(lines_file, tmp_path, 1).train()
            scaler = DdpWrappedModel.init_grad_scaler(types.SimpleNamespace())
        assert metrics["epoch"] == 0
        assert type(scaler) is torch.amp.GradScaler


class TestTransformers:
    @pytest.fixture(scope="class")
    def directory(self, tmp_path_factory):
        """A BERT directory with a tokenizer of five words."""
        from transformers import BertTokenizerFast

        path = tmp_path_factory.mktemp("bert")
        words = "[PAD] [UNK] [CLS] [SEP] [MASK] a b good film ##s".split()
        (path / "vocab.txt").write_text("\n".join(words) + "\n")
        (path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(words)}))
        BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
        return str(path)

    @pytest.mark.edit("tokenizer-special-tokens")
    @pytest.mark.edit("tokenizer-call")
    def test_tokenizer(self, directory):
        def texts(tokens):
            return " ".join(token.text for token in tokens)

        tokens = PretrainedTransformerTokenizer(directory).tokenize("good films")
        assert texts(tokens) == "[CLS] good film ##s [SEP]"
        assert [(token.idx, token.idx_end) for token in tokens[1:4]] == [(0, 4), (5, 9), (9, 10)]
        bare = PretrainedTransformerTokenizer(directory, add_special_tokens=False)
        assert texts(bare.tokenize("good films")) == "good film ##s"
        pair = bare.add_special_tokens(bare.tokenize("good"), bare.tokenize("film"))
        assert texts(pair) == "[CLS] good [SEP] film [SEP]"
        assert [token.type_id for token in pair] == [0, 0, 0, 1, 1]
        tokens, offsets = bare.intra_word_tokenize(["good", "films"])
        assert texts(tokens) == "[CLS] good film ##s [SEP]" and offsets == [(1, 1), (2, 3)]

    @pytest.mark.edit("indexer-special-tokens")
    def test_indexer_folds_long_texts(self, directory):
        indexer = PretrainedTransformerIndexer(directory, max_length=4)
        tokens = PretrainedTransformerTokenizer(directory).tokenize("a good film")
        indexed = indexer.tokens_to_indices(tokens, Vocabulary())
        # Two at a time, each between [CLS] and [SEP].
        assert indexed["token_ids"] == [2, 5, 7, 3, 2, 8, 3]
        assert indexed["segment_concat_mask"] == [True] * 7

    @pytest.mark.edit("push-to-hub")
    @pytest.mark.parametrize("has_card", [True, False])
    def test_push_to_hub_uploads_a_folder(self, tmp_path, monkeypatch, has_card):
        # The package has a function of the module's name.
        module = importlib.import_module("allennlp.common.push_to_hf")
        api = mock.Mock()
        api.return_value.create_repo.return_value = "https://hub/someone/tiny"
        api.return_value.file_exists.return_value = has_card
        uploaded = {}

        def upload_folder(repo_id, folder_path, commit_message):
            uploaded.update({path.name: path.read_text() for path in Path(folder_path).iterdir()})

        api.return_value.upload_folder = upload_folder
        monkeypatch.setattr("huggingface_hub.HfApi", api)
        (tmp_path / "run").mkdir()
        for name in ("config.json", "best.th", "training_state_e1_b0.th"):
            (tmp_path / "run" / name).write_text(name)
        options = {"organization": "someone", "local_repo_path": tmp_path / "hub", "use_auth_token": "secret"}
        assert module.push_to_hf("tiny", tmp_path / "run", **options) == "https://hub/someone/tiny"
        assert api.call_args == mock.call(token="secret")
        assert {"config.json": "config.json", "weights.th": "best.th"}.items() <= uploaded.items()
        assert set(uploaded) == {"config.json", "weights.th"} | (set() if has_card else {"README.md"})

    @pytest.mark.edit("faster-start")
    @pytest.mark.edit("quiet-start")
    @pytest.mark.slow
    def test_start_imports_neither_models_nor_what_single_metrics_need(self):
        names = ["transformers.models.bert.modeling_bert", "transformers.data.data_collator"]
        names += ["nltk", "scipy.stats", "sklearn"]
        if transformers.__version__ < "5":  # which imports these wherever it is used
            names += ["transformers.models.auto.modeling_auto", "torch._dynamo"]
        code = (
            "import allennlp.commands, allennlp.models, sys;"
            f"print([name for name in {names} if name in sys.modules])"
        )
        result = subprocess.run(
            [sys.executable, "-W", "default::FutureWarning", "-c", code], capture_output=True, text=True
        )
        assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr
        assert "FutureWarning" not in result.stderr

    @pytest.mark.edit("faster-start")
    def test_metrics_import_what_they_need(self):
        from allennlp.training.metrics import Auc, SpearmanCorrelation

        auc, correlation = Auc(), SpearmanCorrelation()
        auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1]))
        assert auc.get_metric() == pytest.approx(0.75)
        correlation(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 3.0, 2.0, 4.0]))
        assert correlation.get_metric() == pytest.approx(0.8)


class TestCheckpoints:
    @pytest.mark.edit("torch-load")
    def test_a_checkpoint_may_hold_more_than_tensors(self, lines_file, tmp_path):
        trainer = make_trainer(lines_file, tmp_path, 1)
        trainer._metric_tracker.best_epoch_metrics = {"count": Counter(a=numpy.int64(1))}
        Checkpointer(tmp_path).save_checkpoint(trainer)
        state = Checkpointer(tmp_path).load_checkpoint().trainer_state
        assert state["metric_tracker"]["best_epoch_metrics"] == {"count": Counter(a=1)}


class TestFullDisk:
    @pytest.mark.edit("full-disk")
    @pytest.mark.parametrize("writes", ["python", "close"])
    def test_nothing_is_left_of_a_file_that_cannot_be_written(self, tmp_path, writes):
        path = tmp_path / "weights.th"
        path.write_text("before")
        with files_of_at_most(4096), pytest.raises(OSError) as info:
            with written_whole(path) as temporary, open(temporary, "wb") as file:
                file.write(b"x" * (5000 if writes == "close" else 1_000_000))
        assert info.value.errno == errno.EFBIG and info.value.filename == str(path)
        assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]

    @pytest.mark.edit("full-disk")
    @pytest.mark.parametrize("error", [RuntimeError("no device"), KeyboardInterrupt()])
    def test_other_errors_stay_what_they_are(self, tmp_path, error):
        with pytest.raises(type(error)) as info, written_whole(tmp_path / "a") as temporary:
            Path(temporary).write_text("a part")
            try:
                raise FileNotFoundError(2, "No such file", "x")
            except FileNotFoundError:
                pass
            raise error
        assert info.value is error and not list(tmp_path.iterdir())

    @pytest.mark.edit("full-disk")
    def test_half_an_archive_is_none(self, tmp_path):
        (tmp_path / "vocabulary").mkdir()
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "best.th").write_bytes(numpy.random.default_rng(1).bytes(100_000))
        before = sorted(tmp_path.iterdir())
        with files_of_at_most(50_000), pytest.raises(OSError) as info:
            archive_model(tmp_path, weights="best.th")
        assert info.value.filename == str(tmp_path / "model.tar.gz")
        assert sorted(tmp_path.iterdir()) == before


@pytest.mark.edit("distributed-errors")
@pytest.mark.edit("full-disk")
@pytest.mark.parametrize(
    "line, kind, message",
    [
        ("allennlp.common.checks.ConfigurationError: key 'a'", ConfigurationError, "^key 'a'$"),
        ("x.OtherError: oh", torch.multiprocessing.ProcessRaisedException, "x.OtherError: oh"),
        ("OSError: [Errno 28] No space left on device: '/a/model state.th'", OSError, "/a/model state.th"),
        ("OSError: [Errno 28] No space left on device", OSError, "No space left on device$"),
    ],
)
def test_a_workers_error_comes_out_as_one(monkeypatch, line, kind, message):
    from allennlp.commands import train

    text = f"\n\n-- Process 1 terminated with the following error:\nTraceback\n{line}\n"
    error = torch.multiprocessing.ProcessRaisedException(text, 1, 4711)
    monkeypatch.setattr(train, "spawn", mock.Mock(side_effect=error))
    with pytest.raises(kind, match=message) as info:
        train._spawn(print, (), nprocs=2)
    assert kind is not OSError or info.value.errno == errno.ENOSPC


@pytest.mark.edit("launch")
def test_processes_of_torchrun(monkeypatch):
    assert launch.launched() is None
    for name, value in {
        "TORCHELASTIC_RUN_ID": "x",
        "WORLD_SIZE": "4",
        "RANK": "3",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    process = launch.launched()
    assert process == (3, 4, 1, 2, 1) and not process.is_first
    assert process.distributed()["num_nodes"] == 2 and len(process.distributed()["cuda_devices"]) == 2
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launch.launched() is None


class TestInterrupted:
    @pytest.mark.edit("interrupted")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
    def test_before_the_training(self, number, capsys):
        before = signal.getsignal(number)
        with pytest.raises(SystemExit) as ended:
            launch.resumable(lambda arguments: os.kill(os.getpid(), arguments))(number)
        assert ended.value.code == 75 and "--recover" in capsys.readouterr().err
        assert signal.getsignal(number) == before

    def test_while_the_process_ends(self):
        # Functions that are registered first are called last.
        program = (
            "import atexit, os, signal; from allennlp.training import launch;"
            "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM)); launch.resumable(print)('done')"
        )
        assert subprocess.run([sys.executable, "-c", program]).returncode == 0

    @pytest.mark.edit("interrupted")
    def test_a_second_ctrl_c_is_left_to_the_command(self):
        def train(arguments):
            raise KeyboardInterrupt  # as the trainer does that handles signals itself

        with pytest.raises(KeyboardInterrupt):
            launch.resumable(train)(None)


class TestRecover:
    @pytest.mark.edit("recover-elsewhere")
    def test_what_a_package_says_may_differ(self, tmp_path, monkeypatch):
        from allennlp.training import util

        def recover(config):
            util.create_serialization_dir(Params(config), tmp_path, recover=True, force=False)

        def may(params, recovered, directory):
            assert recovered.as_dict() == config and directory == tmp_path
            return ["distributed", "loader.size"] if params["trainer"]["steps"] == 3 else []

        config = {"distributed": {"cuda_devices": [0, 1]}, "trainer": {"steps": 3}, "loader": {"size": 1}}
        Params(config).to_file(tmp_path / "config.json")
        others = {"distributed": None, "trainer": {"steps": 3}, "loader": {"size": 2}}
        recover(config)
        with pytest.raises(ConfigurationError, match="does not match"):
            recover(others)
        monkeypatch.setattr(util, "may_differ_on_recover", [may])
        recover(others)
        for wrong in ({"trainer": {"steps": 4}}, {"loader": {"size": 2, "sizes": 1}}):
            with pytest.raises(ConfigurationError, match="does not match"):
                recover({**others, **wrong})


@pytest.mark.edit("always-archived")
def test_what_a_package_puts_into_each_archive(tmp_path, monkeypatch):
    from allennlp.models import archival

    for name in ("config.json", "best.th", "vocabulary/labels.txt", "more/a.txt", "own.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(archival, "always_archived", ["more", "absent"])
    with tarfile.open(archival.archive_model(tmp_path, include_in_archive=["own.txt", "more"])) as archive:
        names = archive.getnames()
    assert names.count("more/a.txt") == 1 and "own.txt" in names and "absent" not in names


@pytest.mark.edit("weights-follow")
def test_a_model_knows_that_its_weights_follow(tmp_path):
    from allennlp.models import Model
    from allennlp.models.model import weights_follow

    found = []

    @Model.register("that-asks", exist_ok=True)
    class Asking(Model):
        def __init__(self, vocab):
            super().__init__(vocab)
            self.layer = torch.nn.Linear(1, 1)
            found.append(weights_follow.get())

    vocab = Vocabulary()
    vocab.save_to_files(tmp_path / "vocabulary")
    torch.save(Asking(vocab).state_dict(), tmp_path / "best.th")
    Model.load(Params({"model": {"type": "that-asks"}}), str(tmp_path))
    assert found == [False, True] and not weights_follow.get()


@pytest.mark.edit("archive-checks")
def test_what_a_package_checks_of_archives(lines_file, tmp_path, monkeypatch):
    from allennlp.models import archival

    trainer = make_trainer(lines_file, tmp_path, 1)
    trainer.train()
    trainer.model.vocab.save_to_files(tmp_path / "vocabulary")
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}}
    encoder = {"type": "bag_of_embeddings", "embedding_dim": 4, "averaged": True}
    model = {"type": "basic_classifier", "text_field_embedder": embedder, "seq2vec_encoder": encoder}
    reader = {"type": "text_classification_json", "tokenizer": "whitespace"}
    config = {"dataset_reader": reader, "model": model}
    Params(config).to_file(tmp_path / "config.json")

    def check(params, directory):
        assert (Path(directory) / "config.json").is_file()
        if params.get("model").get("dropout") is not None:
            raise ConfigurationError("no dropout here")

    monkeypatch.setattr(archival, "archive_checks", [check])
    archive = archival.archive_model(tmp_path)
    assert archival.load_archive(archive).model is not None
    with pytest.raises(ConfigurationError, match="no dropout here"):
        archival.load_archive(archive, overrides={"model.dropout": 0.1})


class TestLocks:
    @pytest.fixture
    def run(self, tmp_path):
        """A directory in which another process trains, as far as its lock knows, and that process."""
        run = tmp_path / "run"
        script = f"""
import os, pathlib, time
from allennlp.training.run_lock import locked_directory

with locked_directory({str(run)!r}):
    pathlib.Path({str(run)!r}, "config.json").write_text("{{}}")
    worker = os.fork()  # as a data worker is
    if worker:
        print(worker, flush=True)
    time.sleep(600)
"""
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        worker = int(process.stdout.readline())
        yield run, process
        process.kill()
        process.wait()
        os.kill(worker, signal.SIGKILL)

    @pytest.mark.edit("one-run-at-a-time")
    @pytest.mark.slow
    def test_a_second_run_is_refused_and_touches_nothing(self, run, tmp_path, monkeypatch):
        from allennlp.commands import find_learning_rate, train

        directory, process = run
        monkeypatch.setattr(train, "preflight_checks", [])  # which packages append to
        config = tmp_path / "config.json"
        config.write_text("{}")

        def state():
            return {path: path.stat().st_mtime_ns for path in (directory, *directory.iterdir())}

        before = state()
        message = re.escape(
            f"({directory}) belongs to a run that is still going on (process {process.pid} on "
        )
        for options in ({}, {"recover": True}, {"force": True}, {"dry_run": True}, {"return_model": True}):
            with pytest.raises(ConfigurationError, match=message):
                train.train_model_from_file(config, directory, **options)
        with pytest.raises(ConfigurationError, match="still going on"):
            find_learning_rate.find_learning_rate_model(Params({}), str(directory), force=True)
        assert state() == before

        process.kill()
        process.wait()
        # Its worker lives on, and does not keep the lock.
        with pytest.raises(ConfigurationError, match="not empty. Specify --recover"):
            train.train_model_from_file(config, directory)
        assert [path.name for path in directory.iterdir()] == ["config.json"]

    @pytest.mark.edit("one-run-at-a-time")
    def test_the_lock_is_no_content(self, tmp_path):
        from allennlp.training import util
        from allennlp.training.run_lock import LOCK_FILE, locked_directory

        run = tmp_path / "new" / "run"

        def begins(force):
            with locked_directory(run):
                util.create_serialization_dir(Params({}), run, recover=False, force=force)
                return [path.name for path in run.iterdir()]

        assert begins(force=False) == [LOCK_FILE]
        assert not (tmp_path / "new").exists()
        run.mkdir(parents=True)
        for name in ("config.json", LOCK_FILE):  # of a run that was killed
            (run / name).touch()
        with pytest.raises(ConfigurationError, match="not empty"):
            begins(force=False)
        assert begins(force=True) == [LOCK_FILE] and not list(run.iterdir())

    @pytest.mark.edit("one-run-at-a-time")
    @pytest.mark.parametrize("place", ["run", "run/below"])
    def test_a_file_of_that_name(self, tmp_path, place):
        from allennlp.training.run_lock import locked_directory

        (tmp_path / "run").write_text("mine")
        with (
            pytest.raises(ConfigurationError, match="a file of this name"),
            locked_directory(tmp_path / place),
        ):
            pass
        assert (tmp_path / "run").read_text() == "mine"

    @pytest.mark.edit("one-run-at-a-time")
    def test_nodes_have_locks_of_their_own(self, tmp_path):
        from allennlp.training.run_lock import directory_contents, locked_directory

        with locked_directory(tmp_path), locked_directory(tmp_path, 1):
            assert len(list(tmp_path.iterdir())) == 2 and not directory_contents(tmp_path)
            with pytest.raises(ConfigurationError, match="still going on"), locked_directory(tmp_path, 1):
                pass
        assert not list(tmp_path.iterdir())


class Doubling:
    """A predictor of `{"a": number}`, which keeps what its inputs are called."""

    def __init__(self, largest_group=1):
        self.input_names = []
        self.seen = []
        self.groups = []
        self.largest_group = largest_group

    load_line = staticmethod(json.loads)

    def dump_line(self, output):
        return f"{output}\n"

    def predict_json(self, record):
        return self.predict_batch_json([record])[0]

    def predict_batch_json(self, records):
        for record, name in zip(records, self.input_names, strict=True):
            if not isinstance(record["a"], int):
                raise ConfigurationError(f"{name}: no number.")
        self.seen += self.input_names
        self.groups.append(len(records))
        return [2 * record["a"] for record in records]


def predict(predictor, source, target, batch_size):
    from allennlp.commands.predict import _PredictManager

    _PredictManager(predictor, source, target, batch_size, target is None, False).run()


class TestPeople:
    @pytest.mark.edit("default-serialization-dir")
    @pytest.mark.parametrize(
        "path, expected",
        [
            ("training_configs/ner/conll.jsonnet", "runs/ner/conll"),
            ("a/training_configs/b/training_configs/c.json", "runs/c"),
            ("../mine/./conll.v2.jsonnet", "runs/mine/conll.v2"),
            ("/etc/conll.jsonnet", "runs/etc/conll"),
            ("https://host/configs/conll.jsonnet", "runs/host/configs/conll"),
        ],
    )
    def test_default_serialization_dir(self, path, expected):
        from allennlp.commands.train import default_serialization_dir

        assert default_serialization_dir(path) == expected

    @pytest.mark.edit("one-line-errors")
    @pytest.mark.parametrize(
        "text, overrides, message",
        [
            ("{ a: error 'set the model' }", "", "config.jsonnet.*set the model"),
            ("[1, 2]", "", "config.jsonnet.*should hold one object, but holds list"),
            ("{}", '{"d.e": 1}', "the overrides set d.e, but"),
            ("{a: [1]}", '{"a.1": 1}', "the overrides set a.1, but"),
            ("{b: {c: null}}", '{"b.c.d": 1}', "the overrides set something in b.c, but"),
        ],
    )
    def test_configuration_that_cannot_be_read(self, tmp_path, text, overrides, message):
        (tmp_path / "config.jsonnet").write_text(text)
        with pytest.raises(ConfigurationError, match=f"(?s){message}"):
            Params.from_file(tmp_path / "config.jsonnet", overrides)

    @pytest.mark.edit("one-line-errors")
    def test_overrides_reach_into_lists(self, tmp_path):
        (tmp_path / "config.jsonnet").write_text("{a: [1], b: {c: null}}")
        config = Params.from_file(tmp_path / "config.jsonnet", '{"a.0": 2, "b.d": 3}').as_dict()
        assert config == {"a": [2], "b": {"c": None, "d": 3}}

    @pytest.mark.edit("imports-from-packages")
    def test_imports_from_packages(self, tmp_path, monkeypatch):
        package = tmp_path / "site" / "some_configs"
        (package / "lib").mkdir(parents=True)
        (package / "__init__.py").write_text("raise ImportError('it need not be imported')")
        (package / "lib" / "base.libsonnet").write_text("(import 'more.libsonnet') + { a: 1 }")
        (package / "lib" / "more.libsonnet").write_text("{ b: 2 }")
        monkeypatch.syspath_prepend(tmp_path / "site")
        config = tmp_path / "config.jsonnet"
        config.write_text("(import 'some_configs/lib/base.libsonnet') + { c: 3 }")
        assert Params.from_file(config).as_dict() == {"a": 1, "b": 2, "c": 3}
        # What lies beside the config comes first.
        (tmp_path / "some_configs" / "lib").mkdir(parents=True)
        (tmp_path / "some_configs" / "lib" / "base.libsonnet").write_text("{ d: 4 }")
        assert Params.from_file(config).as_dict() == {"c": 3, "d": 4}
        config.write_text("import 'some_configs/lib/none.libsonnet'")
        message = 'couldn\'t open import "some_configs/lib/none.libsonnet": no match in the folder'
        with pytest.raises(ConfigurationError, match=message):
            Params.from_file(config)

    @pytest.mark.edit("override-checks")
    def test_overrides_are_checked_before_they_are_applied(self, tmp_path, monkeypatch):
        from allennlp.common import params

        path = tmp_path / "config.jsonnet"
        path.write_text("{ a: std.extVar('A'), b:: 2 }")
        check = mock.Mock()
        monkeypatch.setattr(params, "override_checks", [check])
        Params.from_file(path, ext_vars={"A": "1"})
        assert not check.called
        with pytest.raises(ConfigurationError, match="the overrides set b.c, but"):
            Params.from_file(path, {"b.c": 3}, {"A": "1"})
        (found, made, overrides, variables), _ = check.call_args
        assert (found, made, overrides) == (str(path), {"a": "1"}, {"b.c": 3}) and variables["A"] == "1"

    @pytest.mark.edit("unused-overrides")
    @pytest.mark.parametrize(
        "overrides, message",
        [
            ({"dataset_reader.max_instances": 3}, "set 'validation_dataset_reader.max_instances'"),
            ({"dataset_reader": {"type": "x"}}, "set 'validation_dataset_reader'"),
            ({"trainer.num_epochs": 3}, "it uses model, validation_dataset_reader, validation_data_loader"),
            ({"trainer.cuda_device": 0}, "use --cuda-device"),
            ({"test_data_path": "x"}, "use the file on the command line"),
            ({"model_name": "x"}, "did you mean 'model.embedder.model_name' or 'validation_dataset_reader.t"),
            ({"modle.dropout": 3}, "did you mean 'model.dropout'"),
        ],
    )
    def test_overrides_that_would_do_nothing(self, overrides, message):
        start = (
            f"the overrides set {next(iter(overrides))!r}, which `allennlp evaluate` does not use with this"
        )
        with pytest.raises(ConfigurationError, match=f"{re.escape(start)}.*{re.escape(message)}"):
            refuse_unused_overrides(json.dumps(overrides), Params(ARCHIVED), "evaluate", *EVALUATE)

    @pytest.mark.edit("unused-overrides")
    @pytest.mark.parametrize(
        "overrides",
        [
            "",
            {"model.dropout": 0, "validation_dataset_reader.max_instances": 3, "evaluation": {}},
            # An archive's readers are all made.
            {"dataset_reader.t.model_name": "a", "validation_dataset_reader.t.model_name": "a"},
        ],
    )
    def test_overrides_that_do_something(self, overrides):
        refuse_unused_overrides(overrides, Params(ARCHIVED), "evaluate", *EVALUATE)

    @pytest.mark.edit("missing-gpu")
    def test_a_gpu_that_is_not_there(self, monkeypatch):
        for number, seen in ((0, "no GPU"), (1, "one GPU, 0"), (4, "GPUs 0 to 3")):
            monkeypatch.setattr(torch.cuda, "device_count", lambda number=number: number)
            for device in (4, torch.device("cuda", 4), [-1, 4]):
                with pytest.raises(ConfigurationError, match=f"there is no GPU 4, since torch sees {seen} "):
                    check_for_gpu(device)
            check_for_gpu([-1, torch.device("cpu"), *range(number)])

    @pytest.mark.edit("print-results")
    def test_results_without_keys(self, tmp_path, monkeypatch, capsys):
        def print_results(*arguments):
            monkeypatch.setattr(sys, "argv", ["allennlp", "print-results", *map(str, arguments)])
            main()
            return capsys.readouterr().out.splitlines()

        for name, metrics in (("a", {"loss": 1, "f1": 2}), ("b", {"loss": 3, "em": 4})):
            (tmp_path / name).mkdir()
            (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
        rows = [f"{tmp_path}/a/metrics.json, 1, 2, N/A", f"{tmp_path}/b/metrics.json, 3, N/A, 4"]
        assert print_results(tmp_path) == ["model_run, loss, f1, em", *rows]
        assert print_results(tmp_path, "--keys", "f1")[1] == f"{tmp_path}/a/metrics.json, 2"
        with pytest.raises(ConfigurationError, match="there is no metrics.json in .*not/there or below"):
            print_results(tmp_path / "not/there")
        for text in ("[1]", "{"):
            (tmp_path / "b/metrics.json").write_text(text)
            with pytest.raises(ConfigurationError, match="b/metrics.json is no file of metrics"):
                print_results(tmp_path)

    @pytest.mark.edit("environment-object")
    def test_configuration_asks_for_a_variable_that_may_not_be_set(self, tmp_path, monkeypatch):
        path = tmp_path / "config.jsonnet"
        variables = "std.parseJson(std.extVar('ALLENNLP_ENVIRONMENT'))"
        path.write_text(f"{{ a: std.get({variables}, 'SOME_PATH', 'data') }}")
        monkeypatch.delenv("SOME_PATH", raising=False)
        assert Params.from_file(path).as_dict() == {"a": "data"}
        monkeypatch.setenv("SOME_PATH", "/some 'path'")
        assert Params.from_file(path).as_dict() == {"a": "/some 'path'"}

    @pytest.mark.edit("one-line-errors")
    @pytest.mark.parametrize(
        "error, status, message",
        [
            (ConfigurationError("key 'a'\n is missing"), 1, "allennlp: error: key 'a' is missing"),
            (FileNotFoundError("file x not found"), 1, "allennlp: error: file x not found"),
            (
                OSError(errno.ENOSPC, "No space left on device", "runs/a/best.th"),
                1,
                "allennlp: error: runs/a/best.th cannot be written: No space left on device; make room for "
                "it. Files that were complete before are kept: `train` with --recover goes on from the last "
                "checkpoint",
            ),
            (KeyboardInterrupt(), 130, "allennlp: interrupted"),
        ],
    )
    def test_errors_of_one_line(self, error, status, message, monkeypatch, capsys):
        import allennlp.__main__
        import allennlp.commands

        monkeypatch.setattr(allennlp.commands, "main", mock.Mock(side_effect=error))
        monkeypatch.delenv("ALLENNLP_DEBUG", raising=False)
        with pytest.raises(SystemExit) as info:
            allennlp.__main__.run()
        # A message as the code is what Python prints to stderr, with status 1.
        written = capsys.readouterr().err + (info.value.code if status == 1 else "")
        assert (1 if status == 1 else info.value.code) == status
        assert written.strip() == message
        monkeypatch.setenv("ALLENNLP_DEBUG", "1")
        with pytest.raises(type(error)):
            allennlp.__main__.run()

    @pytest.mark.edit("misconfigured-run-leaves-nothing")
    def test_a_run_that_a_mistake_stops_leaves_nothing(self, tmp_path, monkeypatch):
        from allennlp.commands import train

        config, run = tmp_path / "config.json", tmp_path / "run"
        config.write_text("{}")

        def fails_and_leaves(*more):
            def train_model(params, serialization_dir, **kwargs):
                run.mkdir(exist_ok=True)
                for name in ("config.json", "out.log", *more):
                    (run / name).touch()
                raise ConfigurationError("a mistake")

            monkeypatch.setattr(train, "train_model", train_model)
            with pytest.raises(ConfigurationError, match="a mistake"):
                train.train_model_from_file(config, run)
            return run.exists()

        assert not fails_and_leaves()
        # There is something to go on with, or what was there before.
        for name in ("model_state_e1_b0.th", "metrics_diverged.json"):
            assert fails_and_leaves(name)
            assert fails_and_leaves()
            shutil.rmtree(run)

    @pytest.mark.edit("evaluate-checks-the-file")
    def test_evaluate_checks_the_file(self, monkeypatch):
        from allennlp.commands import evaluate

        archive = mock.Mock(config=Params({"data_loader": {"batch_size": 1}}), model=torch.nn.Linear(1, 1))
        archive.validation_dataset_reader.check_file.side_effect = ConfigurationError("without labels")
        monkeypatch.setattr(evaluate, "load_archive", lambda *_, **__: archive)
        with pytest.raises(ConfigurationError, match="without labels"):
            evaluate.evaluate_from_archive("model.tar.gz", "data.json")

    @pytest.mark.edit("gpu-by-default")
    @pytest.mark.parametrize("gpus, given, expected", [(2, None, 0), (2, -1, -1), (2, 1, 1), (0, None, -1)])
    @pytest.mark.parametrize("command", ["evaluate", "predict"])
    def test_gpu_by_default(self, command, gpus, given, expected, monkeypatch, caplog, tmp_path):
        from allennlp.commands import evaluate, predict

        monkeypatch.chdir(tmp_path)
        Path("data.json").write_text("{}\n")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        module = {"evaluate": evaluate, "predict": predict}[command]
        load_archive = mock.Mock(side_effect=ConfigurationError("the archive"))
        monkeypatch.setattr(module, "load_archive", load_archive)
        option = [] if given is None else ["--cuda-device", str(given)]
        monkeypatch.setattr(sys, "argv", ["allennlp", command, "model.tar.gz", "data.json", *option])
        with caplog.at_level("INFO"), pytest.raises(ConfigurationError, match="the archive"):
            main()
        assert load_archive.call_args[1]["cuda_device"] == expected
        assert f"Device: {'the CPU' if expected < 0 else f'GPU {expected}'}." in caplog.messages

    @pytest.mark.edit("test-data-as-evaluate")
    def test_test_data_as_evaluate(self, tmp_path, monkeypatch):
        from allennlp.commands.train import TrainModel
        from allennlp.evaluation import Evaluator

        evaluator = mock.Mock(return_value={"loss": 2})
        monkeypatch.setattr(Evaluator, "default_implementation", "mine")
        monkeypatch.setattr(
            Evaluator, "by_name", {"mine": lambda **options: evaluator(options) and evaluator}.get
        )
        trainer = mock.Mock(cuda_device=torch.device("cpu"))
        run = TrainModel(str(tmp_path), "model", trainer, "test data", True, "weight")
        run.finish({"loss": 1})
        assert evaluator.mock_calls == [
            mock.call({"cuda_device": torch.device("cpu")}),
            mock.call("model", "test data", "weight"),
        ]
        assert json.loads((tmp_path / "metrics.json").read_text()) == {"loss": 1, "test_loss": 2}

    @pytest.mark.edit("predict-in-groups")
    @pytest.mark.parametrize(
        "largest, size, groups",
        [
            (1, None, [1] * 20),
            (8, None, [1, 2, 4, 8, 5]),
            (6, None, [1, 2, 4, 6, 6, 1]),
            (8, 6, [6, 6, 6, 2]),
            (8, 1, [1] * 20),
        ],
    )
    def test_predict_in_groups(self, tmp_path, monkeypatch, largest, size, groups):
        path, output = tmp_path / "inputs.jsonl", tmp_path / "outputs"
        path.write_text("".join(f'{{"a": {number}}}\n' for number in range(20)))
        predictor = Doubling(largest)
        predict(predictor, str(path), str(output), size)
        assert predictor.groups == groups
        assert output.read_text().split() == [str(2 * number) for number in range(20)]
        monkeypatch.setattr(sys, "stdin", io.StringIO(path.read_text()))
        predictor = Doubling(largest)
        predict(predictor, "-", str(output), size)
        assert predictor.groups == (groups if size else [1] * 20)

    @pytest.mark.edit("predict-names-the-line")
    @pytest.mark.parametrize("size", [1, 2])
    def test_predict_hands_on_the_lines(self, tmp_path, monkeypatch, size):
        text = '\ufeff{"a": 1}\n\n{"a": 2}\r\n \n{"a": 3}'
        path = tmp_path / "inputs.jsonl"
        path.write_text(text)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text[1:].encode())))
        for source, name in ((str(path), path), ("-", "standard input")):
            predictor = Doubling()
            predict(predictor, source, None, size)
            assert predictor.seen == [f"{name}, line {number}" for number in (1, 3, 5)]

    @pytest.mark.edit("predict-keeps-what-it-has")
    @pytest.mark.parametrize("size", [1, 2, 3, 10])
    @pytest.mark.parametrize(
        "bad, message", [('{"a": "x"}', "line 3: no number. "), ('{"a": ', "line 3: is no JSON")]
    )
    def test_predict_keeps_what_it_has(self, tmp_path, size, bad, message):
        path, output = tmp_path / "inputs.jsonl", tmp_path / "outputs.jsonl"
        path.write_text(f'{{"a": 1}}\n{{"a": 2}}\n{bad}\n{{"a": 4}}\n')
        kept = f"{message}.*{re.escape(str(output))} has the predictions that come before it: 2."
        with pytest.raises(ConfigurationError, match=kept):
            predict(Doubling(), str(path), str(output), size)
        assert output.read_text() == "2\n4\n"

    @pytest.mark.edit("predict-keeps-what-it-has")
    @pytest.mark.parametrize("bad", [0, 1, 600, 999])
    def test_one_bad_input_of_many(self, tmp_path, bad):
        """Those before it are predicted once, and not one by one."""
        path, output = tmp_path / "inputs.jsonl", tmp_path / "outputs.jsonl"
        path.write_text("".join(f'{{"a": {number if number != bad else "[]"}}}\n' for number in range(1000)))
        predictor = Doubling()
        with pytest.raises(ConfigurationError, match=f"line {bad + 1}: no number"):
            predict(predictor, str(path), str(output), 1000)
        assert len(predictor.seen) == bad and len(predictor.groups) <= 10
        assert output.read_text().split() == [str(2 * number) for number in range(bad)]

    @pytest.mark.edit("predict-keeps-what-it-has")
    def test_predictions_are_not_held_back(self, tmp_path):
        path, output = tmp_path / "inputs.jsonl", tmp_path / "outputs.jsonl"
        path.write_text('{"a": 1}\n' * 3)
        found = []

        class Watching(Doubling):
            def predict_batch_json(self, records):
                found.append(output.read_text().split())
                return super().predict_batch_json(records)

        predict(Watching(), str(path), str(output), None)
        assert found == [["2"] * number for number in range(3)]
