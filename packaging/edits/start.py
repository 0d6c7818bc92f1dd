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
