import json
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, UNK, EntityVocabulary


class TestEntityVocabulary:
    def test_of_a_checkpoint(self, fixtures_dir: Path) -> None:
        vocabulary = EntityVocabulary.from_checkpoint(str(fixtures_dir / "tiny-luke"))
        assert [vocabulary[name] for name in (PAD, UNK, MASK, MASK2)] == [0, 1, 2, 3]
        assert len(vocabulary) == len(list(vocabulary)) == 64
        assert PAD in vocabulary and "[pad]" not in vocabulary

    def test_rows_keep_order_and_repetition(self) -> None:
        # The order of the multilingual releases.
        vocabulary = EntityVocabulary({"[MASK]": 0, "[UNK]": 1, "[PAD]": 2, "en:Japan": 7})
        assert vocabulary.rows([PAD, MASK, MASK, "en:Japan"]) == [2, 0, 0, 7]
        assert vocabulary.rows([]) == []

    def test_names_the_entity_that_is_not_there(self, fixtures_dir: Path) -> None:
        vocabulary = EntityVocabulary.from_checkpoint(str(fixtures_dir / "tiny-luke"))
        for ask in (lambda: vocabulary["Japan (country)"], lambda: vocabulary.rows([PAD, "Japan (country)"])):
            with pytest.raises(ConfigurationError) as error:
                ask()
            message = str(error.value)
            assert "no entity 'Japan (country)'" in message and "tiny-luke" in message
            assert "it has 64, among them '[PAD]', '[UNK]', '[MASK]', '[MASK2]'" in message

    def test_of_a_checkpoint_without_entities(self, fixtures_dir: Path) -> None:
        with pytest.raises(ConfigurationError, match="tiny-roberta' has no entity_vocab.json"):
            EntityVocabulary.from_checkpoint(str(fixtures_dir / "tiny-roberta"))

    @pytest.mark.parametrize(
        "content, message",
        [
            ('{"[PAD]": 0', "is not JSON"),
            ('["[PAD]"]', "holds a JSON list"),
            ('{"[PAD]": "0"}', "is damaged: expected titles with whole numbers"),
            ('{"[PAD]": null}', "is damaged: expected titles with whole numbers"),
        ],
    )
    def test_of_a_damaged_file(self, tmp_path: Path, content: str, message: str) -> None:
        (tmp_path / "entity_vocab.json").write_text(content)
        with pytest.raises(ConfigurationError, match=message):
            EntityVocabulary.from_checkpoint(str(tmp_path))

    def test_titles_in_any_script(self, tmp_path: Path) -> None:
        titles = {"[PAD]": 0, "日本": 1, "Zoë 😀": 2, "İstanbul": 3}
        (tmp_path / "entity_vocab.json").write_text(json.dumps(titles, ensure_ascii=False), encoding="utf-8")
        assert EntityVocabulary.from_checkpoint(str(tmp_path)).rows(list(titles)) == [0, 1, 2, 3]
