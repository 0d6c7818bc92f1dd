"""What makes the commands start faster, and without warnings that are not theirs."""

from edits.edit import Edit

START = [
    Edit(
        name="faster-start",
        file="allennlp/modules/transformer/activation_layer.py",
        old="from transformers.models.bert.modeling_bert import ACT2FN\n",
        new="from transformers.activations import ACT2FN\n",
        reason="Importing AllenNLP need not import BERT, and with it torch's compiler.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/data/data_loaders/data_collator.py",
        old="from transformers.data.data_collator import DataCollatorForLanguageModeling\n",
        new="",
        reason="Importing AllenNLP need not import what transformers has for GLUE and SQuAD.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/data/data_loaders/data_collator.py",
        old="        from allennlp.common import cached_transformers\n",
        new="        from allennlp.common import cached_transformers\n"
        "        from transformers.data.data_collator import DataCollatorForLanguageModeling\n",
        reason="Importing AllenNLP need not import what transformers has for GLUE and SQuAD.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/common/cached_transformers.py",
        old="from transformers import AutoConfig, AutoModel\n",
        new="from transformers import AutoConfig\n",
        reason="Importing AllenNLP need not import transformers' models, and with them torch's compiler.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/common/cached_transformers.py",
        old="    global _model_cache\n    spec = TransformerSpec(\n",
        new="    from transformers import AutoModel\n\n"
        "    global _model_cache\n    spec = TransformerSpec(\n",
        reason="See above.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/auc.py",
        old="from sklearn import metrics\n",
        new="",
        reason="Importing AllenNLP need not import scikit-learn.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/auc.py",
        old="        false_positive_rates, true_positive_rates, _ = metrics",
        new="        from sklearn import metrics\n\n"
        "        false_positive_rates, true_positive_rates, _ = metrics",
        reason="See above.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/spearman_correlation.py",
        old="import scipy.stats as stats\r\n",
        new="",
        reason="Importing AllenNLP need not import SciPy.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/spearman_correlation.py",
        old="        spearman_correlation = stats",
        new="        import scipy.stats as stats\r\n\r\n        spearman_correlation = stats",
        reason="See above.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/evalb_bracketing_scorer.py",
        old="from typing import List\n",
        new="from typing import TYPE_CHECKING, List\n",
        reason="For the edits below.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/evalb_bracketing_scorer.py",
        old="from nltk import Tree\n",
        new="if TYPE_CHECKING:\n    from nltk import Tree\n",
        reason="Importing AllenNLP need not import NLTK, which brings SciPy and scikit-learn.",
    ),
    Edit(
        name="faster-start",
        file="allennlp/training/metrics/evalb_bracketing_scorer.py",
        old="predicted_trees: List[Tree], gold_trees: List[Tree]",
        new='predicted_trees: List["Tree"], gold_trees: List["Tree"]',
        reason="See above.",
    ),
    Edit(
        name="quiet-start",
        file="allennlp/common/file_utils.py",
        old="import cached_path as _cached_path\n",
        new="""\
with warnings.catch_warnings():
    # Its clients for cloud storage have their say on the Python version.
    warnings.simplefilter("ignore", FutureWarning)
    import cached_path as _cached_path
""",
        reason="On Python 3.10, every command began with warnings of Google's libraries about Python 3.10.",
    ),
]

# After those of `people` that are about the same lines.
PLUGINS_WHEN_NEEDED = [
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
def import_plugins() -> None:
    \"""
    Imports all of AllenNLP, its own plugins, and those found with `discover_plugins()`.
    \"""
    import_default_plugins()
    import_declared_plugins()


def import_default_plugins() -> None:
    \"""
    Imports all of AllenNLP and its own plugins, which takes seconds.
    \"""
    # Ensure""",
        reason="A plugin's commands that do not build what a config says need not wait for all models.",
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
        reason="See above.",
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/commands/__init__.py",
        old="import import_plugins\n",
        new="import (\n    import_declared_plugins,\n    import_default_plugins,\n    import_plugins,\n)\n",
        reason="For the edits below.",
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/commands/__init__.py",
        old="            if subcommand_class.requires_plugins:\n",
        new="            # All take the option that may be what made them known.\n"
        '            is_plugin = not subcommand_class.__module__.startswith("allennlp.")\n'
        "            if subcommand_class.requires_plugins or is_plugin:\n",
        reason="Commands of plugins can say that they need no others.",
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/commands/__init__.py",
        old="""\
        import_plugins()
        plugins_imported = True
""",
        new="""\
        import_declared_plugins()
        plugins_imported = True
""",
        reason="See above.",
    ),
    Edit(
        name="plugins-when-needed",
        file="allennlp/commands/__init__.py",
        old="""\
        # Add subcommands again in case one of the plugins has a registered subcommand.
        add_subcommands()
""",
        new="""\
        # Add subcommands again in case one of the plugins has a registered subcommand.
        add_subcommands()
        if not (argv and argv[0] in subcommands) or Subcommand.by_name(argv[0]).requires_plugins:
            import_default_plugins()
            add_subcommands()
""",
        reason="A plugin's commands that do not build what a config says need not wait for all models.",
    ),
]

REGISTER_ON_DEMAND = [
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="    default_implementation: Optional[str] = None\n\n    @classmethod\n    def register(",
        new="""\
    default_implementation: Optional[str] = None

    _on_demand: ClassVar[List[str]] = []

    @staticmethod
    def register_on_demand(module_name: str) -> None:
        \"""
        Names a module that registers classes. It is imported when a name is asked for that is not
        registered, or when all names are.
        \"""
        Registrable._on_demand.append(module_name)

    @staticmethod
    def _import_on_demand() -> None:
        while Registrable._on_demand:
            module_name = Registrable._on_demand.pop()
            try:
                importlib.import_module(module_name)
            except BaseException:
                Registrable._on_demand.append(module_name)
                raise

    @classmethod
    def register(""",
        reason="Importing a package for one of its names had to import all that it registers.",
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="        if name in Registrable._registry[cls]:\n            subclass, constructor",
        new="""\
        if name not in Registrable._registry[cls] and "." not in name:
            Registrable._import_on_demand()
        if name in Registrable._registry[cls]:
            subclass, constructor""",
        reason="See above.",
    ),
    Edit(
        name="register-on-demand",
        file="allennlp/common/registrable.py",
        old="        keys = list(Registrable._registry[cls].keys())\n",
        new="""\
        Registrable._import_on_demand()
        keys = list(Registrable._registry[cls].keys())
""",
        reason="See above.",
    ),
]
