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
]
