"""
How well sentence splitters find the sentences of corpora that have them: precision, recall and F1 of the
boundaries inside documents, and the speed. sentencex is compared where it is installed.

    python benchmarks/sentence_splitting.py --wikigold wikigold.conll.txt --germeval NER-de-*.tsv

Words are joined to text (no space before closing punctuation or after opening brackets) and sentences by a
space. The documents are wikigold's own; of GermEval, whose sentences are unrelated, ten make a document.
"""

import argparse
import importlib
import importlib.util
import itertools
import re
import time
from typing import Callable, Dict, Iterator, List, Set, Tuple

from luke_allennlp.data.segmentation import SpacyRulesSegmenter
from luke_allennlp.wikipedia.sentences import SentenceSplitter

# A document is a list of sentences.
Document = List[str]
Starts = Callable[[str], Set[int]]


def wikigold(path: str) -> List[Document]:
    documents: List[Document] = [[]]
    for words in _sentences(path, lambda line: line.split()[0]):
        if words == ["-DOCSTART-"]:
            documents.append([])
        else:
            documents[-1].append(_text(words))
    return [document for document in documents if document]


def germeval(paths: List[str], size: int = 10) -> List[Document]:
    sentences = [
        _text(words) for path in paths for words in _sentences(path, lambda line: line.split("\t")[1], "#")
    ]
    return [sentences[start : start + size] for start in range(0, len(sentences), size)]


def _sentences(path: str, word_of: Callable[[str], str], comment: str = "\0") -> Iterator[List[str]]:
    with open(path, encoding="utf-8") as file:
        for is_filled, lines in itertools.groupby(file, lambda line: bool(line.strip())):
            # A document's first line is not followed by a blank one everywhere.
            words = [word_of(line) for line in lines if not line.startswith(comment)] if is_filled else []
            if words[:1] == ["-DOCSTART-"]:
                yield [words.pop(0)]
            if words:
                yield words


def _text(words: List[str]) -> str:
    text = " ".join(words)
    text = re.sub(r" ([.,;:!?)\]}…”’]|'s\b|n't\b)", r"\1", text)
    text = re.sub(r"([(\[{„“]) ", r"\1", text)
    return re.sub(r'" ([^"]*?) "', r'"\1"', text)


def splitter(name: str, language: str) -> Starts:
    spans = SentenceSplitter.by_name(name)(language).spans
    return lambda text: {start for start, _ in spans(text)}


def spacy_rules(language: str) -> Starts:
    segment = SpacyRulesSegmenter(language).segment
    return lambda text: {sentence[0][0] for sentence in segment(text)}


def sentencex(language: str) -> Starts:
    boundaries = importlib.import_module("sentencex").get_sentence_boundaries
    return lambda text: {sentence["start_index"] for sentence in boundaries(language, text)}


def scores(documents: List[Document], starts_of: Starts) -> Tuple[float, float, float, float]:
    correct = found = expected = characters = 0
    began = time.perf_counter()
    for document in documents:
        text = " ".join(document)
        gold = set(itertools.accumulate((len(sentence) + 1 for sentence in document[:-1])))
        starts = starts_of(text) - {0}
        correct += len(gold & starts)
        found += len(starts)
        expected += len(gold)
        characters += len(text)
    speed = characters / (time.perf_counter() - began) / 1e6
    precision, recall = correct / max(1, found), correct / max(1, expected)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall), speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--wikigold", required=True)
    parser.add_argument("--germeval", required=True, nargs="+")
    args = parser.parse_args()
    corpora: Dict[str, Tuple[str, List[Document]]] = {
        "wikigold": ("en", wikigold(args.wikigold)),
        "germeval": ("de", germeval(args.germeval)),
    }
    print("| corpus | splitter | precision | recall | F1 | megacharacters/s |\n|---|---|---:|---:|---:|---:|")
    for corpus, (language, documents) in corpora.items():
        names = [name for name in SentenceSplitter.list_available() if name != "icu"]
        rows = {**{name: splitter(name, language) for name in names}, "spacy_rules": spacy_rules(language)}
        if importlib.util.find_spec("sentencex"):
            rows["sentencex"] = sentencex(language)
        for name, starts_of in rows.items():
            starts_of("Warm. Up.")
            numbers = scores(documents, starts_of)
            print(f"| {corpus} | {name} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |")


if __name__ == "__main__":
    main()
