from luke_allennlp.tasks.ner.examples import Document, LabeledSpan, Sentence, count_documents


def test_counts_documents_sentences_words_and_entities():
    documents = [
        Document(
            "0",
            [
                Sentence(["Ana", "saw", "Oslo"], [LabeledSpan(0, 1, "PER"), LabeledSpan(2, 3, "LOC")]),
                Sentence(["Rainer"], [LabeledSpan(0, 1, "PER")], unaligned=[(0, 3, "MISC")]),
            ],
        ),
        Document("1", []),
    ]
    counts = count_documents(documents)
    assert (counts.documents, counts.sentences, counts.words, counts.unaligned) == (2, 2, 4, 1)
    assert list(counts.entities.items()) == [("LOC", 1), ("MISC", 1), ("PER", 2)]
    assert str(counts) == (
        "2 documents, 2 sentences, 4 words, 4 entities (LOC 1, MISC 1, PER 2), "
        "1 of them not aligned with words"
    )


def test_counts_of_nothing():
    assert str(count_documents([])) == "0 documents, 0 sentences, 0 words, 0 entities"


def test_sentences_do_not_share_their_unaligned_entities():
    one, other = Sentence(["a"], []), Sentence(["b"], [])
    one.unaligned.append((0, 1, "PER"))
    assert other.unaligned == []
