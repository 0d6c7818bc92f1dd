"""What the card of an exported model says of its use: an example that gives the archive's predictions."""

import functools
import inspect
import json
import re
from pathlib import Path
from string import Template
from typing import Any, Dict, List, Optional

from allennlp.models import Archive

from luke_allennlp.common.files import read_object
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, EntityVocabulary
from luke_allennlp.exchange import usage_code
from luke_allennlp.exchange.forms import PRETRAINING, TaskForm
from luke_allennlp.linking.entity_linker import NoEntityLinker

SCORER = "scorer.safetensors"
"""The head of a task for which Hugging Face has no class."""

_CODE = {
    "luke_entity_typing": usage_code.MENTIONS,
    "luke_relation_classification": usage_code.MENTIONS,
    "luke_ner": usage_code.NER,
    "luke_reading_comprehension": usage_code.QUESTIONS,
    "luke_cloze_qa": usage_code.CLOZE,
    PRETRAINING.task: usage_code.MASKED,
}
_PRE_TOKENIZERS = (
    ("Metaspace", 'prepend_scheme="always"', 'prepend_scheme="never"'),
    ("ByteLevel", "add_prefix_space=True", "add_prefix_space=False"),
)
_LINKER = (
    "The archive's reader links entities, which the example does not: where the linker finds some, the "
    "archive's predictions differ."
)
_LUKE_TOKENIZER = (
    "`LukeTokenizer` of transformers does not take each part of a text to follow a space, as training did: "
    "its tokens differ at the start of a text, around mentions and before signs, and so do probabilities."
)


def usage(
    archive: Archive, form: TaskForm, architecture: str, vocabulary: Optional[EntityVocabulary], target: Path
) -> List[str]:
    """
    Makes the lines of Markdown, from the archive and what is exported of it: Hugging Face's class, the entity
    vocabulary (`None` for a model of words alone), and the directory with the tokenizer's files.
    """
    reader: Any = archive.validation_dataset_reader
    tokenizer = reader.tokenizer
    values = {name: getattr(tokenizer, name) for name in ("start_id", "end_id", "unknown_id", "mask_id")}
    values.update(architecture=architecture, mask_token=tokenizer.token(tokenizer.mask_id))
    values["separator"] = ", ".join([str(tokenizer.end_id)] * tokenizer.separators)
    has_types = tokenizer.encode_pair([], []).type_ids is not None
    pair = {"begin": usage_code.BEGIN, "second": usage_code.SECOND, "types": usage_code.TYPES}
    values.update(pair if has_types else dict.fromkeys(pair, ""))
    code = usage_code.WORDS
    if vocabulary is not None:
        code = _CODE[form.task]
        values.update(_task_values(archive, form, vocabulary), mask=vocabulary[MASK])
    body = Template(code).substitute(values)
    header = Template(usage_code.HEADER).substitute(values, **_header_values(body, target))
    sentence = "This gives the predictions of the archive, for texts that fit the model at once:"
    text = ["## Usage", "", sentence, "", "```python", (header + body).strip("\n"), "```", ""]
    if not isinstance(getattr(reader, "linker", NoEntityLinker()), NoEntityLinker):
        text += [_LINKER, ""]
    if vocabulary is not None and form.architecture is not None and (target / "merges.txt").is_file():
        text += [_LUKE_TOKENIZER, ""]
    return text


def _header_values(body: str, target: Path) -> Dict[str, str]:
    """The imports that the example needs, and how it makes tokens that follow a space, and others."""
    if (whole := target / "tokenizer.json").is_file():
        library = "from tokenizers import Tokenizer"
        made = 'Tokenizer.from_file(f"{path}/tokenizer.json")'
        spaced, joined = f"spaced = {made}", f"joined = {made}"
        kinds = json.dumps(read_object(whole).get("pre_tokenizer"))
        for kind, after_space, otherwise in _PRE_TOKENIZERS:
            if f'"{kind}"' in kinds:
                library = "from tokenizers import Tokenizer, pre_tokenizers"
                spaced += f"\nspaced.pre_tokenizer = pre_tokenizers.{kind}({after_space})"
                joined += f"\njoined.pre_tokenizer = pre_tokenizers.{kind}({otherwise})"
                break
    elif (target / "merges.txt").is_file():
        library = "from tokenizers import ByteLevelBPETokenizer"
        files = 'f"{path}/vocab.json", f"{path}/merges.txt"'
        spaced = f"spaced = ByteLevelBPETokenizer({files}, add_prefix_space=True)"
        joined = f"joined = ByteLevelBPETokenizer({files})"
    else:  # BERT's, to which it is the same
        library = "from transformers import AutoTokenizer"
        spaced, joined = "spaced = AutoTokenizer.from_pretrained(path).backend_tokenizer", "joined = spaced"
    uses_run = "run(" in body
    modules = [name for name in ("json", "re", "string", "unicodedata") if re.search(rf"\b{name}\.", body)]
    return {
        "standard": "".join(f"import {name}\n" for name in modules) + "\n" * bool(modules),
        "libraries": "from safetensors.torch import load_file\n" * ("load_file" in body) + library,
        "padding": "from torch.nn.utils.rnn import pad_sequence\n" * uses_run,
        "tokenizers": f"{spaced}\n{joined}" if "joined" in body else spaced,
        "run": usage_code.RUN * uses_run,
    }


def _task_values(archive: Archive, form: TaskForm, vocabulary: EntityVocabulary) -> Dict[str, Any]:
    """What the options of the reader and of the model, and the trained tables, change in the example."""
    reader: Any = archive.validation_dataset_reader
    model: Any = archive.model
    option = functools.partial(_option, archive)
    if form.task == "luke_ner":
        decoding = usage_code.GREEDY if model.flat else usage_code.NESTED
        return {"decoding": decoding, **{name: option(name) for name in ("max_span_length", "max_entities")}}
    if form.task == "luke_reading_comprehension":
        no_answer = usage_code.NO_ANSWER.format(model.null_score_threshold)
        text = "context[offsets[i - begin][0] : offsets[j - begin][1]]"
        is_detokenized = archive.config.as_dict(quiet=True)["model"].get("answer_text") == "detokenized"
        return {
            "max_question_length": option("max_question_length"),
            "strip": "strip()" if option("strip_question") else "lstrip()",
            "n_best": model.n_best,
            "max_answer_length": model.max_answer_length,
            "answer": f'" ".join({text}.split())' if is_detokenized else text,
            "no_answer": no_answer if model.allow_no_answer else "",
        }
    longest = option("max_mention_length")
    if form is PRETRAINING:
        luke, trained = model.embedder.luke, reader.entity_vocabulary
        rows = luke.entity_embeddings.entity_embeddings.weight.size(0)
        return {
            # A table of special entities has nothing to choose from.
            "mentions": ", [(29, 35)]" if vocabulary.table_size >= rows else "",
            "words": luke.embeddings.word_embeddings.weight.size(0),
            "entities": min(rows, vocabulary.table_size),
            "excluded": [trained[title] for title in (PAD, MASK, MASK2) if title in trained],
            "max_mention_length": longest,
        }
    is_pair = form.task == "luke_relation_classification"
    has_bias = is_pair and model.classifier.bias is not None
    has_brackets = form.task == "luke_entity_typing" and option("normalize_brackets")
    has_word_states = form.task == "luke_cloze_qa" and model.use_word_states
    titles = [MASK, MASK2] if is_pair else [MASK]
    names = [option(name) for name in form.marker_options] or [marker for marker, _ in form.markers]
    return {
        "longest": "" if longest is None else f"[:{longest}]",
        "markers": [reader.tokenizer.token_id(name) for name in names],
        "marker_names": ", ".join(names),
        "masks": [vocabulary[title] for title in titles],
        "mask_names": ", ".join(titles),
        "mentions": "head, tail" if is_pair else "mention",
        "predicted": "relation of two mentions that do not overlap" if is_pair else "type of the mention",
        "activation": "softmax(-1)" if is_pair else "sigmoid()",
        "example": "(0, 9), (29, 35)" if is_pair else "(0, 9)",
        "read_bias": usage_code.READ_BIAS if has_bias else "",
        "add_bias": " + bias" if has_bias else "",
        "brackets": usage_code.BRACKETS if has_brackets else "",
        "word_states": usage_code.WORD_STATES if has_word_states else "",
    }


def _option(archive: Archive, name: str) -> Any:
    """What an option of the reader is, given or by default."""
    config = archive.config.as_dict(quiet=True)
    options = config.get("validation_dataset_reader") or config["dataset_reader"]
    reader = type(archive.validation_dataset_reader)
    return options.get(name, inspect.signature(reader).parameters[name].default)
