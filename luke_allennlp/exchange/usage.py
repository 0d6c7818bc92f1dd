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
    "luke_entity_typing": usage_code.TYPING,
    "luke_relation_classification": usage_code.RELATIONS,
    "luke_ner": usage_code.NER,
    "luke_reading_comprehension": usage_code.QUESTIONS,
    "luke_cloze_qa": usage_code.CLOZE,
}
_LINKER = (
    "The archive's reader links entities, which the example does not: where the linker finds some, the "
    "archive's predictions differ."
)
_LUKE_TOKENIZER = (
    "`LukeTokenizer` of transformers does not take each part of a text to follow a space, as the training "
    "did: it makes other tokens at the start of a text, around mentions and before signs, and probabilities "
    "differ."
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
    values = {
        "architecture": architecture,
        "start_id": tokenizer.start_id,
        "end_id": tokenizer.end_id,
        "unknown_id": tokenizer.unknown_id,
        "mask_id": tokenizer.mask_id,
        "mask_token": tokenizer.token(tokenizer.mask_id),
    }
    if vocabulary is None:
        code = usage_code.WORDS
    else:
        values.update(mask=vocabulary[MASK], mask2=vocabulary.get(MASK2))
        if form is PRETRAINING:
            code = usage_code.MASKED
            values.update(_pretraining_values(archive, vocabulary))
        else:
            code = _CODE[form.task]
            values.update(_task_values(archive, form))
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
    whole = target / "tokenizer.json"
    libraries = ["from safetensors.torch import load_file"] if "load_file" in body else []
    if whole.is_file():
        kinds = json.dumps(read_object(whole).get("pre_tokenizer"))
        made = 'Tokenizer.from_file(f"{path}/tokenizer.json")'
        spaced, joined = f"spaced = {made}", f"joined = {made}"
        for kind, option, values in (
            ("Metaspace", "prepend_scheme", ('"always"', '"never"')),
            ("ByteLevel", "add_prefix_space", (True, False)),
        ):
            if f'"{kind}"' in kinds:
                libraries.append("from tokenizers import Tokenizer, pre_tokenizers")
                spaced += f"\nspaced.pre_tokenizer = pre_tokenizers.{kind}({option}={values[0]})"
                joined += f"\njoined.pre_tokenizer = pre_tokenizers.{kind}({option}={values[1]})"
                break
        else:
            libraries.append("from tokenizers import Tokenizer")
    elif (target / "merges.txt").is_file():
        libraries.append("from tokenizers import ByteLevelBPETokenizer")
        files = 'f"{path}/vocab.json", f"{path}/merges.txt"'
        spaced = f"spaced = ByteLevelBPETokenizer({files}, add_prefix_space=True)"
        joined = f"joined = ByteLevelBPETokenizer({files})"
    else:  # BERT's, to which it is the same
        libraries.append("from transformers import AutoTokenizer")
        spaced = "spaced = AutoTokenizer.from_pretrained(path).backend_tokenizer"
        joined = "joined = spaced"
    modules = ("json", "re", "string", "unicodedata")
    standard = [f"import {name}\n" for name in modules if re.search(rf"\b{name}\.", body)]
    return {
        "standard": "".join(standard) + "\n" * bool(standard),
        "libraries": "\n".join(libraries),
        "tokenizers": f"{spaced}\n{joined}" if "joined" in body else spaced,
    }


def _task_values(archive: Archive, form: TaskForm) -> Dict[str, Any]:
    """What the options of the reader and of the model change in the example."""
    reader: Any = archive.validation_dataset_reader
    model: Any = archive.model
    option = functools.partial(_option, archive)
    values: Dict[str, Any] = {}
    if form.task in ("luke_entity_typing", "luke_relation_classification", "luke_cloze_qa"):
        longest = option("max_mention_length")
        values["longest"] = "" if longest is None else f"[:{longest}]"
    for name in form.marker_options:
        values[f"{name}_name"] = option(name)
        values[name] = reader.tokenizer.token_id(option(name))
    values["brackets"] = ""
    if form.task == "luke_entity_typing" and option("normalize_brackets"):
        values["brackets"] = usage_code.BRACKETS
    elif form.task == "luke_relation_classification":
        has_bias = model.classifier.bias is not None
        values["read_bias"] = usage_code.READ_BIAS if has_bias else ""
        values["add_bias"] = " + bias" if has_bias else ""
    elif form.task == "luke_ner":
        values.update({name: option(name) for name in ("max_span_length", "max_entities")})
        values["decoding"] = usage_code.GREEDY if model.flat else usage_code.NESTED
    elif form.task == "luke_reading_comprehension":
        values["max_question_length"] = option("max_question_length")
        values["strip"] = "strip()" if option("strip_question") else "lstrip()"
        values.update(n_best=model.n_best, max_answer_length=model.max_answer_length)
        text = "context[offsets[i - begin][0] : offsets[j - begin][1]]"
        is_detokenized = archive.config.as_dict(quiet=True)["model"].get("answer_text") == "detokenized"
        values["answer"] = f'" ".join({text}.split())' if is_detokenized else text
        values["no_answer"] = ""
        if model.allow_no_answer:
            values["no_answer"] = usage_code.NO_ANSWER.format(model.null_score_threshold)
    elif form.task == "luke_cloze_qa":
        values["markers"] = ", ".join(str(reader.tokenizer.token_id(marker)) for marker, _ in form.markers)
        values["word_states"] = usage_code.WORD_STATES if model.use_word_states else ""
    return values


def _pretraining_values(archive: Archive, vocabulary: EntityVocabulary) -> Dict[str, Any]:
    """How much of the tables was trained, and what is no entity."""
    reader: Any = archive.validation_dataset_reader
    model: Any = archive.model
    luke = model.embedder.luke
    trained = reader.entity_vocabulary
    rows = luke.entity_embeddings.entity_embeddings.weight.size(0)
    return {
        # A table of special entities has nothing to choose from.
        "mentions": ", [(29, 35)]" if vocabulary.table_size >= rows else "",
        "words": luke.embeddings.word_embeddings.weight.size(0),
        "entities": min(rows, vocabulary.table_size),
        "excluded": [trained[title] for title in (PAD, MASK, MASK2) if title in trained],
        "max_mention_length": _option(archive, "max_mention_length"),
    }


def _option(archive: Archive, name: str) -> Any:
    """What an option of the reader is, given or by default."""
    config = archive.config.as_dict(quiet=True)
    options = config.get("validation_dataset_reader") or config["dataset_reader"]
    reader = type(archive.validation_dataset_reader)
    return options.get(name, inspect.signature(reader).parameters[name].default)
