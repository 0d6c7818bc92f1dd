"""Figures as inline SVG: text stays text, in the colour and font of the page."""

import io
import itertools
import re
from typing import Any, Callable, List, NamedTuple, Sequence, Tuple

import numpy as np
from markupsafe import Markup, escape

from luke_allennlp.common.requirements import required
from luke_allennlp.report.tables import BINS, Calibration, LengthBin

_COLORS = ("#2f7ebc", "#e2751d", "#3a9a4b", "#c23b3b", "#8d62b8", "#8a5a4c", "#cf62a8", "#6f7a84")
# Stands for the page's colour of text, which is known to the browser alone.
_TEXT, _SIZE = "#010203", 11
_MOST_POINTS = 400
_NEEDED = ("report", "`allennlp report` draws with it")
_numbers = itertools.count()


class Curve(NamedTuple):
    """
    # Parameters

    group : `int`, optional (default = `0`)
        Curves of one group have one colour.
    is_faint : `bool`, optional (default = `False`)
        Whether it is behind the others.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    group: int = 0
    is_faint: bool = False
    has_points: bool = False


def curves(title: str, lines: Sequence[Curve], y_name: str = "", logarithmic: bool = False) -> Markup:
    """Curves over the training steps, with a legend if several have names."""

    ticker = required("matplotlib.ticker", *_NEEDED)

    def draw(axes: Any) -> None:
        for line in lines:
            steps, values = _thinned(line.steps, line.values)
            axes.plot(
                steps,
                values,
                color=_COLORS[line.group % len(_COLORS)],
                alpha=0.3 if line.is_faint else 1.0,
                linewidth=1.0 if line.is_faint else 1.8,
                marker="o" if line.has_points or len(steps) == 1 else None,
                markersize=4,
                label=line.name or None,
            )
        if logarithmic:
            axes.set_yscale("log")
            # The default ones write formulas.
            axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(ticker.NullFormatter())
        else:
            axes.ticklabel_format(style="sci", scilimits=(-3, 5))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("step")
        axes.set_ylabel(y_name)
        axes.grid(alpha=0.25)
        if sum(bool(line.name) for line in lines) > 1:
            axes.legend(fontsize=_SIZE - 2, frameon=False, labelcolor=_TEXT)

    return _svg(title, draw)


def _thinned(steps: Sequence[float], values: Sequence[float]) -> Tuple[np.ndarray, np.ndarray]:
    """At most some hundred points, each the mean of successive ones."""
    parts = min(len(steps), _MOST_POINTS)
    if not parts:
        return np.array([]), np.array([])
    split = [np.array_split(np.asarray(series, dtype=float), parts) for series in (steps, values)]
    return np.array([part[-1] for part in split[0]]), np.array([part.mean() for part in split[1]])


def smoothed(values: Sequence[float]) -> List[float]:
    """The running mean over a twentieth of the values."""
    array = np.asarray(values, dtype=float)
    width = max(len(array) // 20, 1)
    sums = np.concatenate([[0.0], np.cumsum(array)])
    ends = np.arange(1, len(array) + 1)
    starts = np.maximum(ends - width, 0)
    means: List[float] = ((sums[ends] - sums[starts]) / (ends - starts)).tolist()
    return means


def reliability(found: Calibration, item: str) -> Markup:
    """The reliability diagram, with the number of predictions of each bin below."""

    def draw(axes: Any) -> None:
        middles = (np.arange(BINS) + 0.5) / BINS
        filled = found.counts > 0
        axes.bar(middles[filled], found.accuracy[filled], width=0.09, color=_COLORS[0], alpha=0.75)
        axes.plot([0, 1], [0, 1], color=_TEXT, linewidth=1, linestyle="--", alpha=0.6)
        axes.plot(
            found.probability[filled],
            found.accuracy[filled],
            color=_COLORS[1],
            marker="o",
            markersize=4,
            linewidth=1.2,
        )
        for middle, height, count in zip(
            middles[filled], found.accuracy[filled], found.counts[filled], strict=True
        ):
            axes.text(middle, height + 0.02, str(count), ha="center", fontsize=_SIZE - 3, color=_TEXT)
        axes.set(
            xlim=(0, 1), ylim=(0, 1.1), xlabel=f"probability of the {item}", ylabel="share that is right"
        )
        axes.grid(alpha=0.25)

    return _svg(f"Reliability diagram; the expected calibration error is {found.error:.3f}", draw)


def histogram(title: str, values: Sequence[int], x_name: str) -> Markup:
    """How many examples have which length."""
    ticker = required("matplotlib.ticker", *_NEEDED)

    def draw(axes: Any) -> None:
        array = np.asarray(values)
        # Of 1 to some 30 bars, each of whole numbers.
        width = max(int(np.ceil((array.max() - array.min() + 1) / 30)), 1)
        edges = np.arange(array.min(), array.max() + width + 1, width) - 0.5
        axes.hist(array, bins=edges, color=_COLORS[0], alpha=0.8)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
        axes.set(xlabel=x_name, ylabel="examples")
        axes.grid(alpha=0.25, axis="y")

    return _svg(title, draw)


def bars(title: str, bins: Sequence[LengthBin], x_name: str, y_name: str) -> Markup:
    """The score of each range of lengths, with the number of examples above."""

    def draw(axes: Any) -> None:
        places = np.arange(len(bins))
        scores = np.array([part.score for part in bins])
        axes.bar(places, np.nan_to_num(scores), color=_COLORS[2], alpha=0.8)
        for place, part, score in zip(places, bins, scores, strict=True):
            text = f"{part.examples}" if score == score else f"{part.examples}\n(no score)"
            axes.text(place, np.nan_to_num(score) + 0.02, text, ha="center", fontsize=_SIZE - 3, color=_TEXT)
        axes.set_xticks(places, [part.name for part in bins])
        axes.set(xlabel=x_name, ylabel=y_name, ylim=(0, 1.12))
        axes.grid(alpha=0.25, axis="y")

    return _svg(title, draw)


def _svg(title: str, draw: Callable[[Any], None], size: Tuple[float, float] = (5.2, 3.1)) -> Markup:
    """What is drawn, as an element of SVG that names itself to screen readers."""
    figures = required("matplotlib.figure", *_NEEDED)
    matplotlib = required("matplotlib", *_NEEDED)
    prefix = f"figure{next(_numbers)}"
    options = {
        "svg.fonttype": "none",
        "text.parse_math": False,
        "svg.hashsalt": prefix,
        "font.family": "sans-serif",
        "font.size": _SIZE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        **dict.fromkeys(
            ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"), _TEXT
        ),
    }
    with matplotlib.rc_context(options):
        figure = figures.Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inlined(buffer.getvalue(), title, prefix)


def _inlined(text: str, title: str, prefix: str) -> Markup:
    """The element alone, with names of its own, and no styles for the rest of the page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.S)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = text.replace(_TEXT, "currentColor")
    # One size of the page, whatever the figure's in points.
    for _ in ("width", "height"):
        text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1))
