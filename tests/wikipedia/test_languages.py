import pytest

from luke_allennlp.wikipedia.languages import link_trail


@pytest.mark.parametrize(
    "language, text, expected",
    [
        ("en", "es and", "es"),
        ("en", "ß", ""),
        ("en", "'s", ""),
        ("en", "Es", ""),
        ("de", "größe x", "größe"),
        ("ru", "ами", "ами"),
        ("he", "ים", "ים"),
        ("fa", "ها", "ها"),
        ("is", "x-–y", "x-–y"),
        ("unheard-of", "abcé", "abc"),
    ],
)
def test_letters(language: str, text: str, expected: str) -> None:
    pattern = link_trail(language)
    assert pattern is not None
    match = pattern.match(text)
    assert (match[0] if match else "") == expected


@pytest.mark.parametrize("language", ["ja", "zh", "zh-yue"])
def test_languages_without(language: str) -> None:
    assert link_trail(language) is None
