"""What counts as punctuation."""

import string
import unicodedata


def is_punctuation(character: str) -> bool:
    """As in BERT's tokenizer: all ASCII signs, currency and math included, and Unicode's P categories."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")
