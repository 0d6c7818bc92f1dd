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
