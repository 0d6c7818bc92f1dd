"""The check of configs: what AllenNLP accepts passes, and what is wrong is named."""

import copy
import logging
from typing import Any, Dict, List

import pytest
from allennlp.commands.train import TrainModel
from allennlp.common import Params, Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_plugins
from allennlp.training import GradientDescentTrainer

from luke_allennlp.training.config_check import check_config, find_mistakes
from luke_allennlp.training.constructors import accepted_options

import_plugins()

TAGGER: Dict[str, Any] = {
    "dataset_reader": {
        "type": "sequence_tagging",
        "token_indexers": {"tokens": {"type": "single_id", "lowercase_tokens": True}, "chars": "characters"},
        "max_instances": 100,
    },
    "train_data_path": "train.tsv",
    "validation_data_path": "dev.tsv",
    "model": {
        "type": "simple_tagger",
        "text_field_embedder": {
            "token_embedders": {
                "tokens": {"type": "embedding", "embedding_dim": 5, "vocab_namespace": "tokens"},
                "chars": {
                    "type": "character_encoding",
                    "embedding": {"embedding_dim": 4},
                    "encoder": {
                        "type": "cnn",
                        "embedding_dim": 4,
                        "num_filters": 4,
                        "ngram_filter_sizes": [2, 3],
                    },
                },
            }
        },
        "encoder": {
            "type": "lstm",
            "input_size": 9,
            "hidden_size": 7,
            "num_layers": 2,
            "bidirectional": True,
        },
        "initializer": {
            "regexes": [[".*tag_projection.*", {"type": "xavier_uniform"}], [".*bias.*", "zero"]],
            "prevent_regexes": ["bert.*"],
        },
        "regularizer": {"regexes": [["weight$", {"type": "l2", "alpha": 10}], ["bias$", "l1"]]},
        "ddp_accelerator": None,
    },
    "data_loader": {"batch_size": 80, "shuffle": True},
    "trainer": {
        "optimizer": {
            "type": "adam",
            "lr": 0.001,
            "betas": [0.9, 0.98],
            "parameter_groups": [[["bias", "norm"], {"weight_decay": 0}], [["encoder"], {"lr": 1}]],
        },
        "learning_rate_scheduler": {"type": "reduce_on_plateau", "patience": 2},
        "moving_average": {"type": "exponential", "decay": 0.9},
        "checkpointer": {"keep_most_recent_by_count": 2},
        "callbacks": ["tensorboard", {"type": "track_epoch_callback"}, {"type": "console_logger"}],
        "num_epochs": 40,
        "patience": None,
        "validation_metric": ["+accuracy", "-loss"],
        "grad_norm": 1,
        "cuda_device": -1,
        "local_rank": 0,
    },
}


def tagger(**changes: Any) -> Dict[str, Any]:
    """The config above with some keys changed; "model__encoder" is a path, and `...` takes a key out."""
    config = copy.deepcopy(TAGGER)
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = config
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[key]
        else:
            place[key] = value
    return config


CLASSIFIER = tagger(
    dataset_reader={
        "type": "text_classification_json",
        "tokenizer": {"type": "spacy", "pos_tags": True},
        "token_indexers": {
            "tokens": {"type": "pretrained_transformer", "model_name": "bert", "max_length": 9}
        },
        "skip_label_indexing": False,
    },
    model={
        "type": "basic_classifier",
        "text_field_embedder": {"token_embedders": {"tokens": {"type": "pass_through", "hidden_dim": 3}}},
        "seq2vec_encoder": {"type": "bert_pooler", "pretrained_model": "bert", "dropout": 0.1},
        "seq2seq_encoder": {"type": "gated-cnn-encoder", "input_dim": 3, "layers": [[[4, 3, 1]]]},
        "feedforward": {
            "_pretrained": {"archive_file": "model.tar.gz", "module_path": "ff", "freeze": False}
        },
        "namespace": "tags",
        "num_labels": 3,
    },
    trainer={
        "type": "gradient_descent",
        "optimizer": "huggingface_adamw",
        "learning_rate_scheduler": {
            "type": "combined",
            "schedulers": [[2, {"type": "linear_with_warmup", "warmup_steps": 10}], [3, "constant"]],
        },
        "momentum_scheduler": {"type": "inverted_triangular", "cool_down": 2, "warm_up": 3},
        "checkpointer": None,
        "callbacks": [{"type": "wandb", "project": "p", "files_to_save": ["config.json"]}],
        "validation_metric": "+accuracy",
        "grad_norm": True,
        "use_amp": False,
        "no_grad": [".*embedder.*"],
        "run_sanity_checks": False,
        "enable_default_callbacks": False,
    },
)

GOOD_CONFIGS = {
    "tagger": TAGGER,
    "classifier": CLASSIFIER,
    "trainer without options": tagger(trainer={}),
    "explicit default type": {"type": "default", **TAGGER},
    "what train takes out first": tagger(
        random_seed=1,
        numpy_seed="2",
        pytorch_seed=None,
        include_in_archive=["metrics.json", "*.txt"],
        evaluation={"type": "simple", "batch_serializer": "simple", "postprocessor_fn_name": "decode"},
        distributed={
            "cuda_devices": [-1, -1],
            "num_nodes": 1,
            "primary_port": 29501,
            "ddp_accelerator": {"type": "torch", "find_unused_parameters": True},
        },
    ),
    "data": tagger(
        test_data_path=["a", "b"],
        evaluate_on_test=True,
        batch_weight_key="",
        datasets_for_vocab_creation=["train"],
        validation_dataset_reader={"type": "sharded", "base_reader": {"type": "sequence_tagging"}},
        validation_data_loader={"batch_sampler": {"type": "bucket", "batch_size": 3, "padding_noise": 0}},
        data_loader={"type": "multiprocess", "batch_size": 2, "num_workers": 2, "start_method": "spawn"},
    ),
    "vocabulary extended": tagger(
        vocabulary={
            "type": "extend",
            "directory": "v",
            "min_count": {"tokens": 2},
            "max_vocab_size": {"tokens": 10},
            "pretrained_files": {"tokens": "glove.txt"},
            "tokens_to_add": {"labels": ["a", "b"]},
            "non_padded_namespaces": ["*tags"],
            "only_include_pretrained_words": True,
        }
    ),
    "registered class by its path": tagger(
        model__encoder={
            "type": "allennlp.modules.seq2seq_encoders.PassThroughEncoder",
            "input_dim": 5,
        }
    ),
    "none as a word": tagger(trainer__patience="None", model__regularizer="None"),
}


@pytest.mark.parametrize("name", GOOD_CONFIGS)
def test_good_configs_pass(name: str) -> None:
    params = Params(copy.deepcopy(GOOD_CONFIGS[name]))
    before = copy.deepcopy(params.as_dict(quiet=True))
    check_config(params)
    assert params.as_dict(quiet=True) == before


BAD_CONFIGS = [
    (
        tagger(trianer={}),
        ['config: no option "trianer" for the config; did you mean "trainer"?', "evaluation"],
    ),
    (
        tagger(trainer__num_epoch=3),
        ['trainer: no option "num_epoch" for GradientDescentTrainer', '"num_epochs"'],
    ),
    (
        tagger(trainer__optimizer__learning_rate=3),
        ['trainer.optimizer: no option "learning_rate" for Adam', "lr,"],
    ),
    (
        tagger(trainer__optimizer__wieght_decay=3),
        ['did you mean "weight_decay"? Its options are: parameter_groups, lr, betas'],
    ),
    (tagger(trainer__checkpointer={"keep_most_recent_by_cuont": 2}), ["trainer.checkpointer: no option"]),
    (
        tagger(trainer__callbacks=[{"type": "tensorboard", "sumary_interval": 2}]),
        ["trainer.callbacks.0: no option"],
    ),
    (tagger(trainer__callbacks=["tensorbord"]), ["trainer.callbacks.0: no TrainerCallback", '"tensorboard"']),
    (
        tagger(model__dropuot=0.1),
        ['model: no option "dropuot" for SimpleTagger. Its options are: text_field_embedder'],
    ),
    (
        tagger(model__text_field_embedder__token_embedders__tokens__embeding_dim=3),
        ['model.text_field_embedder.token_embedders.tokens: no option "embeding_dim" for Embedding; did you'],
    ),
    (tagger(model__encoder__hidden_dim=3), ['model.encoder: no option "hidden_dim"']),
    (
        tagger(model__encoder__hidden_size=...),
        ["model.encoder.hidden_size: LstmSeq2SeqEncoder needs this option", "integer"],
    ),
    (
        tagger(model__encoder__type="lsmt"),
        ['model.encoder.type: no Seq2SeqEncoder is registered as "lsmt"', '"lstm"'],
    ),
    (
        tagger(model__encoder="zzzz"),
        ['model.encoder: no Seq2SeqEncoder is registered as "zzzz"', "--include-package"],
    ),
    (
        tagger(model__encoder__type=...),
        ["model.encoder.type: expected the name of a Seq2SeqEncoder", "found nothing"],
    ),
    (
        tagger(model__encoder__type="no.such.Encoder"),
        ['"no.such.Encoder" is not a class that can be imported'],
    ),
    (tagger(model__encoder__type="json.NoSuch"), ['"json.NoSuch" is not a class that can be imported']),
    (tagger(model__encoder__type=3), ["model.encoder.type: expected the name", "found 3"]),
    (
        tagger(model__encoder__input_size="9"),
        ['model.encoder.input_size: expected an integer, found the string "9"; write'],
    ),
    (tagger(model__encoder__input_size=9.5), ["model.encoder.input_size: expected an integer, found 9.5."]),
    (tagger(model__encoder__bidirectional="yes"), ['expected true or false, found the string "yes".']),
    (tagger(model__encoder=[1]), ["model.encoder: expected a Seq2SeqEncoder object, found the list [1]."]),
    (
        tagger(trainer__optimizer__lr="1e-5"),
        ['trainer.optimizer.lr: expected a number, found the string "1e-5"; write it'],
    ),
    (tagger(trainer__optimizer__betas=0.9), ["trainer.optimizer.betas: expected a list, found 0.9."]),
    (
        tagger(trainer__validation_metric=3),
        ["trainer.validation_metric: expected a string or a list, found 3."],
    ),
    (
        tagger(trainer__callbacks="tensorboard"),
        ['trainer.callbacks: expected a list, found the string "tensorboard".'],
    ),
    (tagger(train_data_path=...), ["train_data_path: the config needs this option"]),
    (tagger(data_loader=...), ["data_loader: the config needs this option; give a DataLoader object."]),
    (
        tagger(model__initializer__regexes=[["a", "xavier"]]),
        ["model.initializer.regexes.0.1: no Initializer"],
    ),
    (
        tagger(dataset_reader__token_indexers=["tokens"]),
        ["dataset_reader.token_indexers: expected an object"],
    ),
    (
        tagger(dataset_reader__max_instance=3),
        ['no option "max_instance" for SequenceTaggingDatasetReader', '"max_instances"'],
    ),
    (tagger(data_loader__batchsize=3), ['data_loader: no option "batchsize" for MultiProcessDataLoader']),
    (tagger(vocabulary={"type": "from_files"}), ["vocabulary.directory: Vocabulary needs this option"]),
    (tagger(random_seed="abc"), ['random_seed: expected an integer, found the string "abc".']),
    (tagger(distributed={"cuda_device": [0, 1]}), ['distributed: no option "cuda_device"', '"cuda_devices"']),
    (tagger(distributed=[0, 1]), ["distributed: expected an object"]),
    (
        tagger(distributed={"cuda_devices": [0, 1], "ddp_accelerator": "tosh"}),
        ["distributed.ddp_accelerator: no DdpAccel"],
    ),
    (
        tagger(evaluation={"batch_serialiser": "simple"}),
        ['evaluation: no option "batch_serialiser" for LukeEvaluator'],
    ),
    (tagger(include_in_archive=3), ["include_in_archive: expected a list, found 3."]),
    (tagger(model={"type": "crf_tagger"}), ["model.text_field_embedder: CrfTagger needs this option"]),
]


@pytest.mark.parametrize("config, parts", BAD_CONFIGS, ids=[parts[0][:50] for _, parts in BAD_CONFIGS])
def test_bad_configs_are_named(config: Dict[str, Any], parts: List[str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_config(Params(config))
    for part in parts:
        assert part in str(raised.value)
    assert "" not in str(raised.value).split("\n")


def test_what_allennlp_ignores_is_told_but_passes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_config(Params(tagger(trainer__opt_level="O1", distributed={"cuda_devices": [0, 1], "zeal": 1})))
    assert 'trainer: GradientDescentTrainer has no option "opt_level"; AllenNLP ignores it.' in caplog.text
    assert 'distributed: this block has no option "zeal"' in caplog.text


def test_objects_are_returned_with_their_paths() -> None:
    objects = check_config(Params(copy.deepcopy(TAGGER)))
    found = {item.path: item for item in objects}
    assert found[""].cls is TrainModel
    assert found["trainer"].cls is GradientDescentTrainer
    embedder = found["model.text_field_embedder.token_embedders.tokens"]
    assert embedder.options == {"embedding_dim": 5, "vocab_namespace": "tokens"}
    assert "type" not in found["model"].options


def test_every_registered_class_accepts_its_own_options() -> None:
    checked = 0
    for base, registered in list(Registrable._registry.items()):
        for name, (cls, constructor_name) in list(registered.items()):
            constructor = getattr(cls, constructor_name) if constructor_name else cls.__init__
            options = {key: None for key in accepted_options(cls, constructor).names}
            _, mistakes = find_mistakes(Params({"type": name, **options}), base_class=base)
            assert all("found null" in mistake.message for mistake in mistakes), mistakes
            checked += 1
    assert checked > 200
