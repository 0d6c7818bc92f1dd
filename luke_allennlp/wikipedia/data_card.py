"""The README of a dataset for pretraining: what it was made from, and what is in it."""

from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required
from luke_allennlp.entity_vocabulary import UNK, EntityVocabulary, full_name
from luke_allennlp.pretraining.arrow_files import open_record_batch
from luke_allennlp.pretraining.dataset import ShardInfo

CARD_FILE = "README.md"
PICTURE_FILE = "entities.png"
_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BARS = 16
_MOST_FREQUENT = 10

# What became of links, of sentences and of the rest, in the order of the work.
_LINKS = {
    "links_kept": "kept, with an entity of the vocabulary",
    "links_kept_as_unk": "kept, as `[UNK]`",
    "links_not_in_vocabulary": "dropped: not to an entity of the vocabulary",
    "links_across_sentences": "dropped: not inside of one sentence",
    "links_without_words": "dropped: no token of their own",
    "links_in_short_sentences": "dropped: in a sentence that is too short",
    "links_in_long_sentences": "dropped: in a sentence that is too long",
    "links_beyond_max_entities": "dropped: beyond the most entities of a sequence",
}
_TEXT = {
    "pages": "pages that are not redirects",
    "pages_with_sequences": "of them, pages with sequences",
    "pages_held_out": "of these, held out",
    "paragraphs": "paragraphs",
    "paragraphs_after_abstract": "paragraphs after the abstract, omitted",
    "sentences": "sentences",
    "sentences_too_short": "of them, dropped: too short",
    "sentences_too_long": "of them, dropped: too long",
    "sequences": "sequences",
    "words": "tokens of the sequences",
    "sequences_without_entities_dropped": "sequences without entities, dropped",
    "words_without_entities_dropped": "tokens of these",
}


class _Split(NamedTuple):
    """
    How many sequences have 0, 1, 2 .. tokens, and entities; how many mentions have 0, 1, 2 .. tokens; and how
    often each row of the entity table occurs.
    """

    words: np.ndarray
    entities: np.ndarray
    mention_lengths: np.ndarray
    occurrences: np.ndarray


def write_data_card(
    directory: Path,
    metadata: Mapping[str, Any],
    shards: Mapping[str, Sequence[ShardInfo]],
    vocabulary: EntityVocabulary,
) -> None:
    """
    Writes the card and, where matplotlib is installed, a picture of a histogram. Reads all shards, those of
    "train" first; memory is that of the entity table's counts.
    """
    splits = {split: _count(directory, infos, vocabulary.table_size) for split, infos in shards.items()}
    has_picture = _write_picture(directory / PICTURE_FILE, splits)
    text = "\n\n".join(part for part in _parts(metadata, splits, vocabulary, has_picture) if part) + "\n"
    (directory / CARD_FILE).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _count(directory: Path, shards: Sequence[ShardInfo], table_size: int) -> _Split:
    words = np.zeros(max((shard.longest for shard in shards), default=0) + 1, dtype=np.int64)
    entities = np.zeros(max((shard.most_entities for shard in shards), default=0) + 1, dtype=np.int64)
    mention_lengths = np.zeros(len(words) + 1, dtype=np.int64)
    occurrences = np.zeros(table_size, dtype=np.int64)
    for shard in shards:
        sequences, _ = open_record_batch(directory / shard.file)
        lengths = sequences.entity_ends.astype(np.int64) - sequences.entity_starts + 1
        for histogram, values in (
            (words, sequences.word_counts),
            (entities, sequences.entity_counts),
            (mention_lengths, lengths),
            (occurrences, sequences.entity_ids),
        ):
            histogram += np.bincount(values, minlength=len(histogram))
    return _Split(words, entities, mention_lengths, occurrences)


def _parts(
    metadata: Mapping[str, Any], splits: Mapping[str, _Split], vocabulary: EntityVocabulary, has_picture: bool
) -> Iterator[str]:
    counts, options, tokenizer = metadata["counts"], metadata["options"], metadata["tokenizer"]
    links = counts.get("links", 0)
    train = next(iter(splits.values()))
    yield "# Wikipedia, to pretrain LUKE"
    yield (
        "Sequences of tokens with the entities that are linked to in them, made by `allennlp "
        "pretraining-dataset`. `metadata.json` has all of these numbers and the files' SHA-256; "
        "`luke_allennlp.pretraining.dataset.PretrainingDataset` reads it. The text is Wikipedia's, under "
        "CC BY-SA."
    )
    yield "## Made from"
    dumps = [(dump.get("file"), dump.get("bytes"), dump.get("sha256")) for dump in metadata["dumps"]]
    yield _table(("dump", "bytes", "SHA-256"), dumps)
    made_from = {
        "tokenizer": f"{tokenizer['class']}, {tokenizer['vocab_size']:,}",
        "entity vocabulary": f"{metadata['vocabulary']['entities']:,} entities",
        **{name.replace("_", " "): _plain(value) for name, value in options.items() if value is not None},
        **metadata["versions"],
    }
    yield _table(("", ""), made_from.items())
    yield "## What was extracted"
    yield _table(("language", "", "number"), _extracted(metadata.get("extraction", [])))
    yield "## What became of it"
    yield _table(("", "number"), [(text, counts.get(name, 0)) for name, text in _TEXT.items()])
    fates = [("all", links), *((text, counts.get(name, 0)) for name, text in _LINKS.items())]
    yield _table(
        ("links in the text", "number", "share"),
        [(text, number, _share(number, links)) for text, number in fates],
    )
    yield (
        f"{counts.get('links_shortened', 0):,} mentions of more than {options['max_mention_length']} "
        "tokens were shortened to these."
    )
    yield "## What is in it"
    for name, split in splits.items():
        yield from _split_parts(name, split, metadata)
    yield from _coverage(train.occurrences, metadata, vocabulary)
    yield "## Entities a sequence"
    yield f"![Histogram of the entities a sequence]({PICTURE_FILE})" if has_picture else ""
    yield _histogram(train.entities)


def _extracted(wikis: Sequence[Mapping[str, Any]]) -> Iterator[Tuple[Any, ...]]:
    for wiki in wikis:
        for name, value in wiki["counts"].items():
            what = name.replace("_", " ")
            kinds = value if isinstance(value, Mapping) else {"": value}
            for kind, number in kinds.items():
                yield wiki["language"], f"{what}: {kind}" if kind else what, number


def _split_parts(name: str, split: _Split, metadata: Mapping[str, Any]) -> Iterator[str]:
    entry = metadata["splits"][name]
    most = metadata["options"]["max_length"] - 2
    unknown = int(split.occurrences[metadata["vocabulary"]["specials"][UNK]])
    filled = _share(entry["words"], most * entry["sequences"])
    yield f"### {name}"
    yield (
        f"{entry['sequences']:,} sequences in {len(entry['shards'])} files, "
        f"{entry['words']:,} tokens ({filled} of the {most} that fit into each), "
        f"{entry['entities']:,} entities ({_share(unknown, entry['entities'])} of them `[UNK]`)."
    )
    histograms: Dict[str, np.ndarray] = {
        "tokens a sequence": split.words,
        "entities a sequence": split.entities,
        "tokens a mention": split.mention_lengths,
    }
    rows: List[Tuple[Any, ...]] = []
    for what, histogram in histograms.items():
        cumulative = np.cumsum(histogram)
        if cumulative[-1]:
            mean = float(np.arange(len(histogram)) @ histogram) / int(cumulative[-1])
            # The least number that at least this share of all is not above.
            ranks = [max(1, np.ceil(share * cumulative[-1])) for share in _SHARES]
            rows.append((what, f"{mean:.1f}", *np.searchsorted(cumulative, ranks).tolist()))
    yield _table(("", "mean", "least", "5%", "25%", "median", "75%", "95%", "most"), rows)


def _coverage(
    occurrences: np.ndarray, metadata: Mapping[str, Any], vocabulary: EntityVocabulary
) -> Iterator[str]:
    occurrences = occurrences.copy()
    occurrences[list(vocabulary.specials.values())] = 0
    entities = metadata["vocabulary"]["entities"] - len(vocabulary.specials)
    covered = int((occurrences > 0).sum())
    yield (
        f"{covered:,} of the {entities:,} entities of the vocabulary ({_share(covered, entities)}) occur in "
        "what is for training."
    )
    if covered:
        # The smaller id first among equals.
        first = np.lexsort((np.arange(len(occurrences)), -occurrences))[: min(covered, _MOST_FREQUENT)]
        names = [full_name(*vocabulary.titles(number)[0]) for number in first.tolist()]
        yield _table(("most frequent", "times"), zip(names, occurrences[first].tolist(), strict=True))


def _histogram(histogram: np.ndarray) -> str:
    width = max(1, -(-len(histogram) // _BARS))
    total = int(histogram.sum())
    rows = []
    for start in range(0, len(histogram), width):
        number = int(histogram[start : start + width].sum())
        last = min(start + width, len(histogram)) - 1
        rows.append((str(start) if last == start else f"{start} to {last}", number, _share(number, total)))
    return _table(("entities", "sequences", "share"), rows)


def _write_picture(path: Path, splits: Mapping[str, _Split]) -> bool:
    try:
        figures = required("matplotlib.figure")
    except ConfigurationError:
        return False  # the table says the same
    figure = figures.Figure(figsize=(8, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, split in splits.items():
        shares = split.entities / max(1, split.entities.sum())
        axes.step(np.arange(len(shares)), shares, where="mid", label=name)
    axes.set_xlabel("entities a sequence")
    axes.set_ylabel("share of the sequences")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend()
    # Without the version, so that the same data gives the same bytes.
    figure.savefig(path, format="png", metadata={"Software": None})
    return True


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
