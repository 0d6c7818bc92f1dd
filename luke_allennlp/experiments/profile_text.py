"""What `DataProfile` says of data, for people."""

import textwrap
from typing import Iterator, List, Optional

from luke_allennlp.common.text_lines import listed
from luke_allennlp.experiments.data_profile import FEW, DataProfile, percentile

_MOST_LABELS = 20
_WIDTH = 110
_INDENT = 11


def profile_text(profile: DataProfile, name: str, train: Optional[DataProfile] = None) -> str:
    """
    # Parameters

    name : `str`
        What the data is for, such as "Training data".
    train : `DataProfile`, optional (default = `None`)
        Of the training data, to compare with.
    """
    parts = list(_found(profile, is_training=train is None))
    if train is not None:
        parts += _compared(profile, train)
    return "\n".join([f"{name}: {profile.path}", *parts])


def _found(profile: DataProfile, is_training: bool) -> Iterator[str]:
    if profile.notes:
        yield _line("form", "; ".join(note.removeprefix("is ") for note in profile.notes))
    size = f"{profile.examples:,} {profile.unit}"
    if 1 <= profile.sources < profile.examples:
        size += f" of {profile.sources:,} {'documents' if profile.unit == 'sentences' else 'passages'}"
    counts = [f"{count:,} {what}" for what, count in profile.counts.items() if count]
    yield _line("size", ", ".join([size, *counts]))
    if profile.labels:
        shown = [f"{label} {count:,}" for label, count in profile.labels.most_common(_MOST_LABELS)]
        more = len(profile.labels) - len(shown)
        number = f"{len(profile.labels):,}: " if len(profile.labels) > 1 else ""
        yield _line("labels", number + ", ".join(shown) + (f", and {more:,} more" if more else ""))
        rare = profile.rare_labels()
        if rare and is_training:
            names = ", ".join(rare[:_MOST_LABELS]) + (", ..." if len(rare) > _MOST_LABELS else "")
            yield _line("rare", f"{len(rare):,} with fewer than {FEW}, too few to learn from: {names}")
    lengths = profile.lengths
    middle, most = percentile(lengths, 50), percentile(lengths, 95)
    text = f"of a text: median {middle:,}, 95 % up to {most:,}, longest {max(lengths):,}"
    text += f"; an input has at most {profile.max_input:,}"
    if profile.cut:
        what = "are split" if profile.unit in ("sentences", "questions") else "are cut around their mentions"
        text += f": {profile.cut:,} ({profile.cut / profile.examples:.1%}) {what}"
    yield _line("tokens", text)
    for why, missed in profile.faults.items():
        yield _line("warning", f"{len(missed):,} {why} count as missed: {listed(missed)}")
    for warning in profile.warnings:
        yield _line("warning", warning)


def _compared(profile: DataProfile, train: DataProfile) -> List[str]:
    lines = []
    if train.labels and not profile.labels:
        lines.append(_line("warning", "no labels: every score is 0, and no epoch is better than another"))
    unknown = [(label, count) for label, count in profile.labels.most_common() if label not in train.labels]
    if unknown:
        names = ", ".join(f"{label} {count:,}" for label, count in unknown[:_MOST_LABELS])
        more = ", ..." if len(unknown) > _MOST_LABELS else ""
        lines.append(
            _line("warning", f"labels that the training data lacks, which count as missed: {names}{more}")
        )
    both = len(profile.keys & train.keys)
    if both:
        share = f"{both:,} of these texts ({both / len(profile.keys):.1%})"
        lines.append(_line("warning", f"{share} are in the training data too: scores will be too high"))
    return lines


def _line(name: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent=f"  {name:<{_INDENT - 2}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
