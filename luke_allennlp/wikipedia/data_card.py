"""The README of a dataset for pretraining: what it was made from, and what is in it."""

from pathlib import Path
from typing import Any, Iterable, List, Mapping, Sequence, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required
from luke_allennlp.entity_vocabulary import UNK
from luke_allennlp.wikipedia.dataset_statistics import DatasetStatistics, SplitStatistics, mean, quantile

CARD_FILE = "README.md"
PICTURE_FILE = "entities.png"
_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BARS = 16

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


def write_data_card(directory: Path, metadata: Mapping[str, Any], statistics: DatasetStatistics) -> None:
    """Writes the card and, where matplotlib is installed, a picture of the histogram."""
    with_picture = _write_picture(directory / PICTURE_FILE, statistics)
    text = data_card(metadata, statistics, with_picture)
    (directory / CARD_FILE).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def data_card(metadata: Mapping[str, Any], statistics: DatasetStatistics, with_picture: bool = False) -> str:
    """The card in Markdown."""
    counts, options = metadata["counts"], metadata["options"]
    links = counts.get("links", 0)
    parts = [
        "# Wikipedia, to pretrain LUKE",
        "Sequences of tokens with the entities that are linked to in them, made by `allennlp "
        "pretraining-dataset`. `metadata.json` has all of these numbers and the files' SHA-256; "
        "`luke_allennlp.pretraining.dataset.PretrainingDataset` reads it. The text is Wikipedia's, under "
        "CC BY-SA.",
        "## Made from",
        _table(
            ("dump", "bytes", "SHA-256"),
            [(dump.get("file"), dump.get("bytes"), dump.get("sha256")) for dump in metadata["dumps"]],
        ),
        _table(
            ("", ""),
            [
                (
                    "tokenizer",
                    f"{metadata['tokenizer']['class']}, {_number(metadata['tokenizer']['vocab_size'])}",
                ),
                ("entity vocabulary", f"{_number(metadata['vocabulary']['entities'])} entities"),
                *(
                    (name.replace("_", " "), _plain(value))
                    for name, value in options.items()
                    if value is not None
                ),
                *(metadata["versions"].items()),
            ],
        ),
        "## What was extracted",
        _extraction(metadata.get("extraction", [])),
        "## What became of it",
        _table(("", "number"), [(text, counts.get(name, 0)) for name, text in _TEXT.items()]),
        _table(
            ("links in the text", "number", "share"),
            [
                ("all", links, _share(links, links)),
                *(
                    (text, counts.get(name, 0), _share(counts.get(name, 0), links))
                    for name, text in _LINKS.items()
                ),
            ],
        ),
        f"{_number(counts.get('links_shortened', 0))} mentions of more than {options['max_mention_length']} "
        "tokens were shortened to these.",
        "## What is in it",
        *(_split(name, split, metadata) for name, split in statistics.splits.items()),
        _coverage(metadata, statistics),
        "## Entities a sequence",
        *(["![Histogram of the entities a sequence](entities.png)"] if with_picture else []),
        _histogram(next(iter(statistics.splits.values())).entities),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _extraction(wikis: Sequence[Mapping[str, Any]]) -> str:
    rows: List[Tuple[Any, ...]] = []
    for wiki in wikis:
        for name, value in wiki["counts"].items():
            kinds = value.items() if isinstance(value, Mapping) else [("", value)]
            what = name.replace("_", " ")
            rows += [
                (wiki["language"], f"{what}: {kind}" if kind else what, number) for kind, number in kinds
            ]
    return _table(("language", "", "number"), rows)


def _split(name: str, split: SplitStatistics, metadata: Mapping[str, Any]) -> str:
    entry = metadata["splits"][name]
    most = metadata["options"]["max_length"] - 2
    unknown = int(split.occurrences[metadata["vocabulary"]["specials"][UNK]])
    filled = _share(entry["words"], most * entry["sequences"])
    summary = (
        f"{_number(entry['sequences'])} sequences in {len(entry['shards'])} files, "
        f"{_number(entry['words'])} tokens ({filled} of the {most} that fit into each), "
        f"{_number(entry['entities'])} entities ({_share(unknown, entry['entities'])} of them `[UNK]`)."
    )
    histograms = {
        "tokens a sequence": split.words,
        "entities a sequence": split.entities,
        "tokens a mention": split.mention_lengths,
    }
    header = ("", "mean", "least", "5%", "25%", "median", "75%", "95%", "most")
    rows = [
        (what, f"{mean(histogram):.1f}", *(quantile(histogram, share) for share in _SHARES))
        for what, histogram in histograms.items()
        if histogram.sum()
    ]
    return f"### {name}\n\n{summary}\n\n{_table(header, rows)}"


def _coverage(metadata: Mapping[str, Any], statistics: DatasetStatistics) -> str:
    vocabulary = metadata["vocabulary"]
    entities = vocabulary["entities"] - len(vocabulary["specials"])
    text = (
        f"{_number(statistics.covered)} of the {_number(entities)} entities of the vocabulary "
        f"({_share(statistics.covered, entities)}) occur in what is for training."
    )
    return text + (
        "\n\n" + _table(("most frequent", "times"), statistics.most_frequent)
        if statistics.most_frequent
        else ""
    )


def _histogram(histogram: np.ndarray) -> str:
    width = max(1, -(-len(histogram) // _BARS))
    total = int(histogram.sum())
    rows = []
    for start in range(0, len(histogram), width):
        number = int(histogram[start : start + width].sum())
        last = min(start + width, len(histogram)) - 1
        rows.append((str(start) if last == start else f"{start} to {last}", number, _share(number, total)))
    return _table(("entities", "sequences", "share"), rows)


def _write_picture(path: Path, statistics: DatasetStatistics) -> bool:
    try:
        figures = required("matplotlib.figure")
    except ConfigurationError:
        return False  # the table says the same
    figure = figures.Figure(figsize=(8, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, split in statistics.splits.items():
        shares = split.entities / max(1, split.sequences)
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
    return _number(value) if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _number(value: int) -> str:
    return f"{value:,}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
