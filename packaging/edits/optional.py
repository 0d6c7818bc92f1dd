"""What AllenNLP imports at its top and hardly anybody needs: torchvision, fairscale, wandb, py-rouge."""

from edits.edit import Edit

_TORCHVISION = """\
try:
    import torchvision{rest}
except Exception:  # Not installed, or built for another torch.
    torchvision = None
"""

OPTIONAL_TORCHVISION = [
    Edit(
        name="torchvision-optional",
        file="allennlp/data/image_loader.py",
        old="import torchvision\nfrom torch import FloatTensor, IntTensor\n",
        new=_TORCHVISION.format(rest="") + "from torch import FloatTensor, IntTensor\n",
        reason=(
            "Only images need torchvision, and one built for another torch raises RuntimeError when imported."
        ),
    ),
    Edit(
        name="torchvision-optional",
        file="allennlp/data/image_loader.py",
        old="        super().__init__(size_divisibility=size_divisibility, **kwargs)\n"
        "        if image_backend is not None:\n",
        new="        super().__init__(size_divisibility=size_divisibility, **kwargs)\n"
        "        if torchvision is None:\n"
        "            raise ImportError('Image loader \"torch\" needs torchvision: pip install torchvision')\n"
        "        if image_backend is not None:\n",
        reason="Says what is missing instead of failing on an attribute of None.",
    ),
    Edit(
        name="torchvision-optional",
        file="allennlp/modules/vision/grid_embedder.py",
        old="import torchvision\n",
        new=_TORCHVISION.format(rest=""),
        reason=(
            "Only images need torchvision, and one built for another torch raises RuntimeError when imported."
        ),
    ),
    Edit(
        name="torchvision-optional",
        file="allennlp/modules/vision/grid_embedder.py",
        old="        super().__init__()\n        detection_model = torchvision.models",
        new="        super().__init__()\n"
        "        if torchvision is None:\n"
        "            raise ImportError('\"resnet_backbone\" needs torchvision: pip install torchvision')\n"
        "        detection_model = torchvision.models",
        reason="Says what is missing instead of failing on an attribute of None.",
    ),
    Edit(
        name="torchvision-optional",
        file="allennlp/modules/vision/region_detector.py",
        old="import torchvision\nimport torchvision.ops.boxes as box_ops\n",
        new=_TORCHVISION.format(rest="\n    import torchvision.ops.boxes as box_ops"),
        reason=(
            "Only images need torchvision, and one built for another torch raises RuntimeError when imported."
        ),
    ),
    Edit(
        name="torchvision-optional",
        file="allennlp/modules/vision/region_detector.py",
        old="        super().__init__()\n        self.detector = torchvision",
        new="        super().__init__()\n"
        "        if torchvision is None:\n"
        "            raise ImportError('\"faster_rcnn\" needs torchvision: pip install torchvision')\n"
        "        self.detector = torchvision",
        reason="Says what is missing instead of failing on an attribute of None.",
    ),
]

OPTIONAL_FAIRSCALE = [
    Edit(
        name="fairscale-optional",
        file="allennlp/nn/parallel/__init__.py",
        old="from allennlp.nn.parallel.fairscale_fsdp_accelerator import (\n"
        "    FairScaleFsdpAccelerator,\n"
        "    FairScaleFsdpWrappedModel,\n"
        ")\n",
        new="\n"
        "try:\n"
        "    from allennlp.nn.parallel.fairscale_fsdp_accelerator import (\n"
        "        FairScaleFsdpAccelerator,\n"
        "        FairScaleFsdpWrappedModel,\n"
        "    )\n"
        "except Exception:  # fairscale is not installed, or does not fit the torch that is.\n"
        "    pass\n",
        reason="fairscale is no longer maintained, and only the accelerator named after it needs it.",
    ),
    Edit(
        name="fairscale-optional",
        file="allennlp/nn/checkpoint/__init__.py",
        old="from allennlp.nn.checkpoint.fairscale_checkpoint_wrapper import FairScaleCheckpointWrapper\n",
        new="\n"
        "try:\n"
        "    from allennlp.nn.checkpoint.fairscale_checkpoint_wrapper import FairScaleCheckpointWrapper\n"
        "except Exception:  # fairscale is not installed, or does not fit the torch that is.\n"
        "    pass\n",
        reason="fairscale is no longer maintained, and only the wrapper named after it needs it.",
    ),
    Edit(
        name="fairscale-optional",
        file="allennlp/common/util.py",
        old="""\
    # take care of None
    exclude = exclude if exclude else set()
    try:
        import checklist  # noqa
    except ImportError:
        # exclude modules that depends on checklist being present
        exclude |= {"allennlp.confidence_checks.task_checklists"}

    if package_name in exclude:
        return

    importlib.invalidate_caches()
""",
        new="""\
    exclude = (exclude or set()) | _without_their_requirements()
    if package_name in exclude:
        return

    if package_name not in sys.modules:
        importlib.invalidate_caches()
""",
        reason=(
            "Importing all of AllenNLP must skip the modules whose packages are optional. Looking for these "
            "packages, and into every folder of the path, for each submodule took most of a command's start."
        ),
    ),
    Edit(
        name="fairscale-optional",
        file="allennlp/common/util.py",
        old="def import_module_and_submodules(",
        new="""\
@functools.lru_cache(maxsize=None)
def _without_their_requirements() -> FrozenSet[str]:
    modules_by_requirement = {
        "checklist": (
            "allennlp.confidence_checks.task_checklists",
            "allennlp.sanity_checks.task_checklists",
        ),
        "fairscale": (
            "allennlp.nn.parallel.fairscale_fsdp_accelerator",
            "allennlp.nn.checkpoint.fairscale_checkpoint_wrapper",
        ),
        "pytest": ("allennlp.common.testing",),
    }
    missing = set()
    for requirement, modules in modules_by_requirement.items():
        try:
            if importlib.util.find_spec(requirement) is None:
                raise ImportError(requirement)
            if requirement != "pytest":
                importlib.import_module(requirement)
        except Exception:  # it may not fit the torch that is installed
            missing.update(modules)
    return frozenset(missing)


def import_module_and_submodules(""",
        reason="For the edit above.",
    ),
    Edit(
        name="fairscale-optional",
        file="allennlp/common/util.py",
        old="import importlib\n",
        new="import functools\nimport importlib\nimport importlib.util\n",
        reason="For the edit above.",
    ),
    Edit(
        name="fairscale-optional",
        file="allennlp/common/util.py",
        old="    Dict,\n",
        new="    Dict,\n    FrozenSet,\n",
        reason="For the edit above.",
    ),
]

OPTIONAL_TOOLS = [
    Edit(
        name="wandb",
        file="allennlp/training/callbacks/wandb.py",
        old="            self._run_id = self.wandb.util.generate_id()\n",
        new="            self._run_id = uuid.uuid4().hex[:8]\n",
        reason="wandb.util.generate_id is gone; it gave eight random characters.",
    ),
    Edit(
        name="wandb",
        file="allennlp/training/callbacks/wandb.py",
        old="import logging\nimport os\n",
        new="import importlib.util\nimport logging\nimport os\nimport uuid\n",
        reason="For the other edits of this file.",
    ),
    Edit(
        name="wandb",
        file="allennlp/training/callbacks/wandb.py",
        old='        if "WANDB_API_KEY" not in os.environ:\n',
        new='        if importlib.util.find_spec("wandb") is None:\n'
        "            raise ImportError('The callback \"wandb\" needs the package: pip install wandb')\n"
        '        if "WANDB_API_KEY" not in os.environ:\n',
        reason=(
            "wandb is optional; said before the training starts instead of when the first metrics are there."
        ),
    ),
    Edit(
        name="narrativeqa-at-call",
        file="allennlp_models/rc/tools/narrativeqa.py",
        old="""\
import nltk

try:
    nltk.data.find("tokenizers/punkt")
except LookupError:
    nltk.download("punkt")
    nltk.download("wordnet")

import rouge
""",
        new="""\
from functools import lru_cache

import nltk
""",
        reason="Importing the reading-comprehension models must neither go to the network nor need py-rouge.",
    ),
    Edit(
        name="narrativeqa-at-call",
        file="allennlp_models/rc/tools/narrativeqa.py",
        old="""\
rouge_l_evaluator = rouge.Rouge(
    metrics=["rouge-l"],
    max_n=4,
    limit_length=True,
    length_limit=100,
    length_limit_type="words",
    apply_avg=True,
    apply_best=True,
    alpha=0.5,
    weight_factor=1.2,
    stemming=True,
)
""",
        new="""\

@lru_cache(maxsize=None)
def _fetch_nltk_data():
    # punkt_tab is what word_tokenize reads since NLTK 3.9.
    for resource in ("tokenizers/punkt_tab", "corpora/wordnet"):
        try:
            nltk.data.find(resource)
        except LookupError:
            nltk.download(resource.split("/")[1])


@lru_cache(maxsize=None)
def _rouge_l_evaluator():
    try:
        import rouge
    except ImportError as error:
        raise ImportError(
            "NarrativeQA's ROUGE-L needs py-rouge: pip install py-rouge 'setuptools<81'"
        ) from error

    return rouge.Rouge(
        metrics=["rouge-l"],
        max_n=4,
        limit_length=True,
        length_limit=100,
        length_limit_type="words",
        apply_avg=True,
        apply_best=True,
        alpha=0.5,
        weight_factor=1.2,
        stemming=True,
    )
""",
        reason="Importing the reading-comprehension models must neither go to the network nor need py-rouge.",
    ),
    Edit(
        name="narrativeqa-at-call",
        file="allennlp_models/rc/tools/narrativeqa.py",
        old="    return rouge_l_evaluator.get_scores(p, g)\n",
        new="    return _rouge_l_evaluator().get_scores(p, g)\n",
        reason="See above.",
    ),
    Edit(
        name="narrativeqa-at-call",
        file="allennlp_models/rc/tools/narrativeqa.py",
        old="def get_metric_score(prediction, ground_truths):\n",
        new="def get_metric_score(prediction, ground_truths):\n    _fetch_nltk_data()\n",
        reason="See above.",
    ),
]
