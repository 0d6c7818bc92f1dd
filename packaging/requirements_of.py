"""What the rebuilt wheels require: what their modules import, at the versions this project runs on."""

from typing import Dict, List, NamedTuple


class Requirements(NamedTuple):
    always: List[str]
    extras: Dict[str, List[str]]


REQUIREMENTS: Dict[str, Requirements] = {
    "allennlp": Requirements(
        always=[
            "torch>=2.4",
            "transformers>=4.57,<6",
            "huggingface-hub>=0.34",
            "numpy>=2",
            "scipy>=1.13",
            "scikit-learn>=1.5",
            "spacy>=3.8,<4",
            "nltk>=3.9",
            # Its older releases hold `filelock` down.
            "cached-path>=1.7",
            # From here on, forked processes do not keep the lock of a run.
            "filelock>=3.32",
            "lmdb>=1.4",
            "h5py>=3.11",
            "dill>=0.3.8",
            "base58>=2.1.1",
            "more-itertools>=8.12.0",
            "termcolor>=1.1",
            "tensorboardX>=2.6.2",
            "protobuf>=4",
            "tqdm>=4.62",
            "requests>=2.28",
            "sentencepiece>=0.2",
            # `allennlp find-lr` draws its result.
            "matplotlib>=3.9",
            'jsonnet>=0.20 ; sys_platform != "win32"',
        ],
        extras={
            "vision": ["torchvision"],
            "fairscale": ["fairscale>=0.4.6"],
            "wandb": ["wandb>=0.17"],
            "testing": ["pytest>=7"],
            "checklist": ["checklist==0.0.11"],
        },
    ),
    "allennlp_models": Requirements(
        always=[
            "allennlp==2.10.1+modern.1",
            "torch>=2.4",
            "conllu>=4.4.2",
            "word2number>=1.1",
            "nltk>=3.9",
            "scipy>=1.13",
            "ftfy>=6",
        ],
        # py-rouge asks for pkg_resources, which newer releases of setuptools do not have.
        extras={"narrativeqa": ["py-rouge==1.1", "setuptools<81"]},
    ),
}
