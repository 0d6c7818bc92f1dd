"""Tables of plain text."""

from luke_allennlp.common.tables import shortened, table


def test_numbers_are_to_the_right() -> None:
    rows = [("PER", 0.5, 1234, None), ("LOCATION", 1.0, 5, 7)]
    assert table(rows, ("label", "f1", "support", "more"), indent=1) == "\n".join(
        [
            " label        f1  support  more",
            " PER       0.500    1,234",
            " LOCATION  1.000        5     7",
        ]
    )


def test_long_names_are_shortened_to_the_width() -> None:
    rows = [("organization/government/" + "x" * 60 + "/end", 0.25)]
    text = table(rows, ("label", "f1"), width=40)
    assert max(map(len, text.splitlines())) == 40
    assert text.splitlines()[1].startswith("organi") and "/end  0.250" in text and "…" in text
    # However narrow: a part of the name is left.
    assert len(table(rows, width=5).split()[0]) == 10
    assert shortened("abc", 3) == "abc"


def test_nothing() -> None:
    assert table([]) == ""
    assert table([], ("a", "b")) == "a  b"
