"""Commands start without what they do not use: torch, transformers, spaCy, and AllenNLP's own plugins."""

from edits.edit import Edit

_WHY_LAZY = "`allennlp --help` and commands that handle data only need not import torch, spaCy and others."

LAZY_MODULES = [
    Edit(
        name="light-start",
        file="allennlp/__init__.py",
        old="""\
try:
    # On some systems this prevents the dreaded
    # ImportError: dlopen: cannot load any more object with static TLS
    import transformers, spacy, torch, numpy  # noqa

except ModuleNotFoundError:
    print(
        "Using AllenNLP requires the python packages Spacy, "
        "Pytorch and Numpy to be installed. Please see "
        "https://github.com/allenai/allennlp for installation instructions."
    )
    raise

""",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/checks.py",
        old="import logging\nimport re\nimport subprocess\n",
        new="from __future__ import annotations\n\nimport logging\nimport re\nimport subprocess\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/checks.py",
        old="import torch\nfrom torch import cuda\n",
        new="from allennlp.common.lazy_module import LazyModule\n\n"
        'torch = LazyModule("torch")\ncuda = LazyModule("torch.cuda")\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="import hashlib\nimport io\n",
        new="from __future__ import annotations\n\nimport hashlib\nimport io\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="""\
import dill
import numpy
import spacy
import torch
import torch.distributed as dist
from spacy.cli.download import download as spacy_download
from spacy.language import Language as SpacyModelType
import base58

""",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="from allennlp.common.checks import log_pytorch_version_info\n",
        new="from allennlp.common.checks import log_pytorch_version_info\n"
        "from allennlp.common.lazy_module import LazyModule\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="logger = logging.getLogger(__name__)\n",
        new="""\
base58 = LazyModule("base58")
dill = LazyModule("dill")
dist = LazyModule("torch.distributed")
numpy = LazyModule("numpy")
spacy = LazyModule("spacy")
torch = LazyModule("torch")

logger = logging.getLogger(__name__)
""",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="LOADED_SPACY_MODELS: Dict[Tuple[str, bool, bool, bool], SpacyModelType] = {}\n",
        new="LOADED_SPACY_MODELS: Dict[Tuple[str, bool, bool, bool], spacy.language.Language] = {}\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old=") -> SpacyModelType:\n",
        new=") -> spacy.language.Language:\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="            spacy_download(spacy_model_name)\n",
        new="            from spacy.cli.download import download as spacy_download\n\n"
        "            spacy_download(spacy_model_name)\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/util.py",
        old="    elif isinstance(x, (spacy.tokens.Token, Token)):\n",
        new="    elif isinstance(x, Token) or (\n"
        '        "spacy" in sys.modules and isinstance(x, spacy.tokens.Token)\n'
        "    ):\n",
        reason="What has been made without spaCy holds no tokens of it.",
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="import bz2\nimport gzip\nimport lzma\n",
        new="from __future__ import annotations\n\nimport bz2\nimport gzip\nimport lzma\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="quiet-start",
        file="allennlp/common/file_utils.py",
        old="""\
import cached_path as _cached_path
from cached_path import (  # noqa: F401
    resource_to_filename as _resource_to_filename,
    check_tarfile,
    is_url_or_existing_file,
    find_latest_cached as _find_latest_cached,
)
from cached_path.cache_file import CacheFile
from cached_path.common import PathOrStr
from cached_path.file_lock import FileLock
from cached_path.meta import Meta as _Meta
import torch
import numpy as np
import lmdb
from torch import Tensor

""",
        new="""\
from allennlp.common.lazy_module import LazyModule

# Lazy, it is also imported without the warnings of Google's libraries about Python 3.10.
_cached_path = LazyModule("cached_path")
_meta = LazyModule("cached_path.meta")
lmdb = LazyModule("lmdb")
np = LazyModule("numpy")
torch = LazyModule("torch")

PathOrStr = Union[str, PathLike]


def is_url_or_existing_file(url_or_filename: Optional[PathOrStr]) -> bool:
    return _cached_path.is_url_or_existing_file(url_or_filename)


_NAMES_OF_CACHED_PATH = {
    "check_tarfile": "cached_path",
    "CacheFile": "cached_path.cache_file",
    "FileLock": "allennlp.common.file_lock",
}


def __getattr__(name: str):
    if name in _NAMES_OF_CACHED_PATH:
        return getattr(LazyModule(_NAMES_OF_CACHED_PATH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

""",
        reason=_WHY_LAZY + " On Python 3.10, every command began with warnings of Google's libraries.",
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="class TensorCache(MutableMapping[str, Tensor], ABC):\n",
        new='class TensorCache(MutableMapping[str, "torch.Tensor"], ABC):\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="            self.cache_cache: MutableMapping[str, Tensor] = WeakValueDictionary()\n",
        new="            self.cache_cache: MutableMapping[str, torch.Tensor] = WeakValueDictionary()\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="""\
        self.path = os.path.join(self.cache_dir, _resource_to_filename(resource_name, version))
        self.file_lock = FileLock(self.path + ".lock")
""",
        new="""\
        from allennlp.common.file_lock import FileLock

        filename = _cached_path.resource_to_filename(resource_name, version)
        self.path = os.path.join(self.cache_dir, filename)
        self.file_lock = FileLock(self.path + ".lock")
""",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="        with CacheFile(self.path, mode=mode) as f:\n",
        new="        from cached_path.cache_file import CacheFile\n\n"
        "        with CacheFile(self.path, mode=mode) as f:\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="        meta = _Meta(\n",
        new="        meta = _meta.Meta(\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="    regular_files: List[_Meta]\n    extraction_dirs: List[_Meta]\n",
        new="    regular_files: List[Any]\n    extraction_dirs: List[Any]\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="        meta = _Meta.from_path(meta_path)\n",
        new="        meta = _meta.Meta.from_path(meta_path)\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="from typing import (\n    Optional,\n",
        new="from typing import (\n    Any,\n    Optional,\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/push_to_hf.py",
        old="from huggingface_hub import HfApi\n\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/push_to_hf.py",
        old="    api = HfApi(token=use_auth_token)\n",
        new="    from huggingface_hub import HfApi\n\n    api = HfApi(token=use_auth_token)\n",
        reason=_WHY_LAZY,
    ),
]

_SPACY = "from allennlp.common.lazy_module import LazyModule\n"

LAZY_SPACY = [
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/spacy_tokenizer.py",
        old="import spacy\nfrom spacy.tokens import Doc\n\n",
        new=_SPACY,
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/spacy_tokenizer.py",
        old='@Tokenizer.register("spacy")\n',
        new='spacy = LazyModule("spacy")\n\n\n@Tokenizer.register("spacy")\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/spacy_tokenizer.py",
        old="List[spacy.tokens.Token]",
        new='List["spacy.tokens.Token"]',
        reason=_WHY_LAZY,
        matches=3,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/spacy_tokenizer.py",
        old="        return Doc(",
        new="        return spacy.tokens.Doc(",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/sentence_splitter.py",
        old="import spacy\n",
        new=_SPACY + '\nspacy = LazyModule("spacy")\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/token_indexers/spacy_indexer.py",
        old="from spacy.tokens import Token as SpacyToken\n",
        new=_SPACY,
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/token_indexers/spacy_indexer.py",
        old='@TokenIndexer.register("spacy")\n',
        new='spacy = LazyModule("spacy")\n\n\n@TokenIndexer.register("spacy")\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/token_indexers/spacy_indexer.py",
        old="tokens: List[SpacyToken]",
        new='tokens: List["spacy.tokens.Token"]',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/token_indexers/spacy_indexer.py",
        old="isinstance(x, SpacyToken)",
        new="isinstance(x, spacy.tokens.Token)",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/fields/text_field.py",
        old="from spacy.tokens import Token as SpacyToken\n",
        new=_SPACY,
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/fields/text_field.py",
        old="# There are two levels of dictionaries here",
        new='spacy = LazyModule("spacy")\n\n# There are two levels of dictionaries here',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/fields/text_field.py",
        old="        if not all(isinstance(x, (Token, SpacyToken)) for x in tokens):\n",
        new="""\
        if not all(isinstance(x, Token) or isinstance(x, spacy.tokens.Token) for x in tokens):
""",
        reason=_WHY_LAZY,
    ),
]

LAZY_TRANSFORMERS = [
    Edit(
        name="light-start",
        file="allennlp/data/vocabulary.py",
        old="from transformers import PreTrainedTokenizer\n\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/vocabulary.py",
        old="tokenizer: PreTrainedTokenizer,",
        new='tokenizer: "PreTrainedTokenizer",',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/vocabulary.py",
        old="if TYPE_CHECKING:\n",
        new="if TYPE_CHECKING:\n    from transformers import PreTrainedTokenizer  # noqa\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/vocabulary.py",
        old="import cached_path, FileLock\n",
        new="import cached_path\n",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/vocabulary.py",
        old="from allennlp.common.tqdm import Tqdm\n",
        new="from allennlp.common.file_lock import FileLock\nfrom allennlp.common.tqdm import Tqdm\n",
        reason="The same lock, without what cached_path imports.",
    ),
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/pretrained_transformer_tokenizer.py",
        old="from transformers import PreTrainedTokenizer\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/data/tokenizers/pretrained_transformer_tokenizer.py",
        old="tokenizer: PreTrainedTokenizer)",
        new='tokenizer: "PreTrainedTokenizer")',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/modules/token_embedders/pretrained_transformer_embedder.py",
        old="from transformers import XLNetConfig\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/modules/token_embedders/pretrained_transformer_embedder.py",
        old="isinstance(self.config, XLNetConfig)",
        new='self.config.model_type == "xlnet"',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/modules/transformer/activation_layer.py",
        old="from transformers.activations import ACT2FN\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/modules/transformer/activation_layer.py",
        old="            self.act_fn = ACT2FN[activation]\n",
        new="""\
            from transformers.activations import ACT2FN

            self.act_fn = ACT2FN[activation]
""",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old="import transformers\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old="from transformers import AutoConfig\n",
        new="""\
from allennlp.common.lazy_module import LazyModule

transformers = LazyModule("transformers")
""",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old="AutoConfig.from_pretrained(",
        new="transformers.AutoConfig.from_pretrained(",
        reason=_WHY_LAZY,
        matches=2,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old="transformers.PreTrainedModel]",
        new='"transformers.PreTrainedModel"]',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old="-> transformers.PreTrainedModel:",
        new='-> "transformers.PreTrainedModel":',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old=", transformers.PreTrainedTokenizer]",
        new=', "transformers.PreTrainedTokenizer"]',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/common/cached_transformers.py",
        old="-> transformers.PreTrainedTokenizer:",
        new='-> "transformers.PreTrainedTokenizer":',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/training/optimizers.py",
        old="import transformers\n",
        new="",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/training/optimizers.py",
        old="""\
@Optimizer.register("huggingface_adafactor")
class HuggingfaceAdafactor(Optimizer, transformers.Adafactor):
    \"""
    Registered as an `Optimizer` with name "huggingface_adafactor".
    \"""

    def __init__(
        self,
        model_parameters: List[Tuple[str, torch.nn.Parameter]],
        parameter_groups: List[Tuple[List[str], Dict[str, Any]]] = None,
        lr: Optional[float] = None,
        eps: Tuple[float, float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
        decay_rate: float = -0.8,
        beta1: Optional[float] = None,
        weight_decay: float = 0.0,
        scale_parameter: bool = True,
        relative_step: bool = True,
        warmup_init: bool = False,
    ):
        super().__init__(
            params=make_parameter_groups(model_parameters, parameter_groups),
            lr=lr,
            eps=eps,
            clip_threshold=clip_threshold,
            decay_rate=decay_rate,
            beta1=beta1,
            weight_decay=weight_decay,
            scale_parameter=scale_parameter,
            relative_step=relative_step,
            warmup_init=warmup_init,
        )


""",
        new='Optimizer.register_on_demand("allennlp.training.huggingface_adafactor")\n\n\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/training/learning_rate_schedulers/learning_rate_scheduler.py",
        old="""\

from transformers.optimization import (
    get_constant_schedule,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
)
""",
        new='\noptimization = LazyModule("transformers.optimization")\n',
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/training/learning_rate_schedulers/learning_rate_scheduler.py",
        old="from allennlp.common.registrable import Registrable\n",
        new="""\
from allennlp.common.lazy_module import LazyModule
from allennlp.common.registrable import Registrable
""",
        reason=_WHY_LAZY,
    ),
    Edit(
        name="light-start",
        file="allennlp/training/learning_rate_schedulers/learning_rate_scheduler.py",
        old="lr_scheduler = get_",
        new="lr_scheduler = optimization.get_",
        reason=_WHY_LAZY,
        matches=4,
    ),
]

_WHY_CHOSEN = "Only the module of the command that was chosen is imported."

COMMAND_LINE = [
    Edit(
        name="commands-by-name",
        file="allennlp/commands/__init__.py",
        old="""\
from typing import Any, Optional, Tuple, Set
import warnings

from allennlp import __version__
from allennlp.commands.build_vocab import BuildVocab
from allennlp.commands.cached_path import CachedPath
from allennlp.commands.checklist import CheckList
from allennlp.commands.diff import Diff
from allennlp.commands.evaluate import Evaluate
from allennlp.commands.find_learning_rate import FindLearningRate
from allennlp.commands.predict import Predict
from allennlp.commands.print_results import PrintResults
from allennlp.commands.subcommand import Subcommand
from allennlp.commands.test_install import TestInstall
from allennlp.commands.train import Train
from allennlp.commands.push_to_hf import PushToHf
from allennlp.commands.count_instances import CountInstances
from allennlp.common.plugins import import_plugins
from allennlp.common.util import import_module_and_submodules

logger = logging.getLogger(__name__)
""",
        new="""\
from typing import Any, Optional, Tuple

from allennlp import __version__
from allennlp.commands import command_line
from allennlp.commands.subcommand import Subcommand

logger = logging.getLogger(__name__)


def __getattr__(name: str):
    found = command_line.command_class(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
""",
        reason=_WHY_CHOSEN,
    ),
    Edit(
        name="commands-by-name",
        file="allennlp/commands/__init__.py",
        old="""\
    subparsers = parser.add_subparsers(title="Commands", metavar="")

    subcommands: Set[str] = set()

    def add_subcommands():
        for subcommand_name in sorted(Subcommand.list_available()):
            if subcommand_name in subcommands:
                continue
            subcommands.add(subcommand_name)
            subcommand_class = Subcommand.by_name(subcommand_name)
            subcommand = subcommand_class()
            subparser = subcommand.add_subparser(subparsers)
            if subcommand_class.requires_plugins:
                subparser.add_argument(
                    "--include-package",
                    type=str,
                    action="append",
                    default=[],
                    help="additional packages to include",
                )

    # Add all default registered subcommands first.
    add_subcommands()

    # If we need to print the usage/help, or the subcommand is unknown,
    # we'll call `import_plugins()` to register any plugin subcommands first.
    argv = sys.argv[1:]
    plugins_imported: bool = False
    if not argv or argv == ["--help"] or argv[0] not in subcommands:
        import_plugins()
        plugins_imported = True
        # Add subcommands again in case one of the plugins has a registered subcommand.
        add_subcommands()

    # Now we can parse the arguments.
    args = parser.parse_args()

    if not plugins_imported and Subcommand.by_name(argv[0]).requires_plugins:  # type: ignore
        import_plugins()

    return parser, args
""",
        new="""\
    return parser, command_line.parse(parser, sys.argv[1:])
""",
        reason=_WHY_CHOSEN,
    ),
    Edit(
        name="commands-by-name",
        file="allennlp/commands/__init__.py",
        old="""\
    # If a subparser is triggered, it adds its work as `args.func`.
    # So if no such attribute has been added, no subparser was triggered,
    # so give the user some help.
    if "func" in dir(args):
        # Import any additional modules needed (to register custom classes).
        for package_name in getattr(args, "include_package", []):
            import_module_and_submodules(package_name)
        args.func(args)
    else:
        parser.print_help()
""",
        new="    command_line.run(parser, args)\n",
        reason=_WHY_CHOSEN,
    ),
]

PLUGINS_BY_ENTRY_POINT = [
    Edit(
        name="plugins-by-entry-point",
        file="allennlp/common/plugins.py",
        old="""\
        for plugin in discover_file_plugins(GLOBAL_PLUGINS_FILENAME):
            if plugin in plugins:
                continue
            yield plugin
            plugins.add(plugin)
""",
        new="""\
        for plugin in discover_file_plugins(GLOBAL_PLUGINS_FILENAME):
            if plugin in plugins:
                continue
            yield plugin
            plugins.add(plugin)
    for entry_point in importlib.metadata.entry_points(group="allennlp.plugins"):
        if entry_point.value not in plugins:
            yield entry_point.value
            plugins.add(entry_point.value)
""",
        reason="What is installed as a plugin need not be named in a file, nor by --include-package.",
    ),
    Edit(
        name="plugins-by-entry-point",
        file="allennlp/common/plugins.py",
        old="import importlib\nimport logging\n",
        new="import importlib\nimport importlib.metadata\nimport importlib.util\nimport logging\n",
        reason="For the edit above and those below.",
    ),
]

SEVERAL_MISTAKES = [
    Edit(
        name="one-line-errors",
        file="allennlp/__main__.py",
        old="""\
        sys.exit(f"allennlp: error: {' '.join(str(error).split())}")
""",
        new="""\
        # Each of several mistakes has a line.
        lines = getattr(error, "lines", [str(error)])
        sys.exit("\\n".join(f"allennlp: error: {' '.join(line.split())}" for line in lines))
""",
        reason="All mistakes of a config are said at once.",
    )
]

_WHY_ON_DEMAND = "Importing a package for one of its names had to import all that it registers."

# After those of `trust` that are about the same lines.
ON_DEMAND = [
    Edit(
        name="plugins-when-needed",
        file="allennlp/common/plugins.py",
        old="from typing import Iterable, Set\n\n",
        new="from typing import Iterable, Set\n\nfrom allennlp.common.registrable import Registrable\n",
        reason="For the edits below.",
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="    default_implementation: Optional[str] = None\n\n    @classmethod\n    def register(",
        new="""\
    default_implementation: Optional[str] = None

    _on_demand: ClassVar[List[Tuple[type, str]]] = []
    _named_on_demand: ClassVar[Set[str]] = set()
    _overriding: ClassVar[DefaultDict[type, Set[str]]] = defaultdict(set)

    @classmethod
    def register_on_demand(cls, module_name: str, last: bool = False) -> None:
        \"""
        Names a module that registers classes. It is imported when a name is asked for that is not
        registered, or when all names are.

        # Parameters

        module_name : `str`
        last : `bool`, optional (default = `False`)
            If true, it is imported after all others, not before them.

        Called on a base class, the module is imported for names of that class only.
        \"""
        entry = (cls, module_name)
        Registrable._named_on_demand.add(module_name)
        Registrable._on_demand.insert(0 if last else len(Registrable._on_demand), entry)

    @classmethod
    def import_on_demand(cls, wanted: Callable[[type, str], bool] = lambda base, module: True) -> bool:
        \"""
        Imports one module of those named for this class or all classes. Returns whether there was one.
        \"""
        for entry in reversed(Registrable._on_demand):
            if entry[0] in (cls, Registrable) and wanted(*entry):
                Registrable._on_demand.remove(entry)
                try:
                    importlib.import_module(entry[1])
                except BaseException:
                    Registrable._on_demand.append(entry)
                    raise
                return True
        return False

    @classmethod
    def _choices(cls, name: Any) -> List[str]:
        \"""
        The choices for a `type` in a configuration: all names only where the name is not one of them.
        \"""
        if name is None:
            name = cls.default_implementation
        if isinstance(name, str) and ("." in name or name in Registrable._registry[cls]):
            return [name]
        return cls.list_available()

    @classmethod
    def register(""",
        reason=_WHY_ON_DEMAND,
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="        if name in Registrable._registry[cls]:\n            subclass, constructor",
        new="""\
        if "." not in name:
            while name not in Registrable._registry[cls] and cls.import_on_demand():
                pass
        if name in Registrable._registry[cls]:
            subclass, constructor""",
        reason=_WHY_ON_DEMAND,
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="        keys = list(Registrable._registry[cls].keys())\n",
        new="""\
        while cls.import_on_demand():
            pass
        keys = list(Registrable._registry[cls].keys())
""",
        reason=_WHY_ON_DEMAND,
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="""\
                    logger.info(message)
                else:
""",
        new="""\
                    logger.info(message)
                elif name in Registrable._overriding[cls]:
                    # It overrides this one, also where that is imported later, on demand.
                    return subclass
                else:
""",
        reason="What a package overrides may be imported after it.",
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="            registry[name] = (subclass, constructor)\n            return subclass\n",
        new="""\
            registry[name] = (subclass, constructor)
            if exist_ok:
                Registrable._overriding[cls].add(name)
            return subclass
""",
        reason="For the edit above.",
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="    Optional,\n    Tuple,\n",
        new="    Optional,\n    Set,\n    Tuple,\n",
        reason="For the edit above.",
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/from_params.py",
        old="                choices=as_registrable.list_available(),\n",
        new='                choices=as_registrable._choices(params.get("type", None)),\n',
        reason=_WHY_ON_DEMAND,
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/common/plugins.py",
        old="""\
def import_plugins() -> None:
    \"""
    Imports the plugins found with `discover_plugins()`.
    \"""
    # Ensure""",
        new="""\
COMMANDS_OF_DEFAULT_PLUGINS = ("allennlp_semparse", "allennlp_server")
\"""
The default plugins that may have subcommands.
\"""

_ALL = "allennlp.common.default_plugins"


def import_plugins() -> None:
    \"""
    Imports the plugins found with `discover_plugins()`. All of AllenNLP, and its own plugins, which takes
    seconds, are imported when a name is asked for that these do not register.
    \"""
    import_declared_plugins()
    import_registered_on_demand()
    if _ALL not in sys.modules and (Registrable, _ALL) not in Registrable._on_demand:
        Registrable.register_on_demand(_ALL, last=True)


def import_registered_on_demand() -> None:
    \"""
    Imports what packages have registered for all classes, as with `Registrable.register_on_demand`.
    \"""
    while Registrable.import_on_demand(lambda base, module: base is Registrable and module != _ALL):
        pass


def import_package(name: str) -> None:
    \"""
    Imports a package with its modules, or lets those wait that it registers on demand.
    \"""
    with push_python_path("."):
        importlib.import_module(name)
    untrusted.trust(name)
    if not any(module.startswith(f"{name}.") for module in Registrable._named_on_demand):
        import_module_and_submodules(name)


def import_commands_of_default_plugins() -> None:
    \"""
    Imports the default plugins that may have subcommands, if they are installed.
    \"""
    for name in COMMANDS_OF_DEFAULT_PLUGINS:
        if importlib.util.find_spec(name) is not None:
            import_package(name)


def import_default_plugins() -> None:
    \"""
    Imports all of AllenNLP and its own plugins.
    \"""
    # Ensure""",
        reason="What is not of these is found in a fraction of the time, and is what most use.",
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/common/plugins.py",
        old="    for module_name in discover_plugins():\n",
        new="""\


def import_declared_plugins() -> None:
    \"""
    Imports the plugins found with `discover_plugins()`.
    \"""
    cwd = os.getcwd()  # as above
    if cwd not in sys.path:
        sys.path.append(cwd)

    for module_name in discover_plugins():
""",
        reason="For the edit above.",
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/models/model.py",
        old='vocab_params.pop_choice("type", Vocabulary.list_available(), True)',
        new="vocab_params.pop_choice(\n"
        '            "type", Vocabulary._choices(vocab_params.get("type")), True\n'
        "        )",
        reason="All names are needed only where the name is not one of them.",
    ),
    Edit(
        name="light-start",
        file="allennlp/training/callbacks/tensorboard.py",
        old="from tensorboardX import SummaryWriter\nimport torch\n",
        new="import torch\n",
        reason="Loading a model need not import TensorBoard, and Google's and Amazon's libraries with it.",
    ),
    Edit(
        name="light-start",
        file="allennlp/training/callbacks/tensorboard.py",
        old="        # Create log directories prior to creating SummaryWriter objects\n",
        new="        from tensorboardX import SummaryWriter\n\n"
        "        # Create log directories prior to creating SummaryWriter objects\n",
        reason="For the edit above.",
    ),
    Edit(
        name="light-start",
        file="allennlp/common/file_utils.py",
        old="""\
    return str(
        _cached_path.cached_path(
            url_or_filename,
            cache_dir""",
        new="""\
    if not extract_archive:
        local = os.path.expanduser(url_or_filename)
        if os.path.exists(local):
            return str(local)
    return str(
        _cached_path.cached_path(
            url_or_filename,
            cache_dir""",
        reason="What is here needs none of the libraries of Google and Amazon that fetch files.",
    ),
]
