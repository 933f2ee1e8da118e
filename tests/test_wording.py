from tickgraph.wording import counted, listed, quoted


def test_a_list_names_the_first_and_counts_the_others():
    assert listed(["AAPL", "MSFT"]) == "AAPL, MSFT"
    assert listed([f"S{place}" for place in range(1_200)], 2) == "S0, S1 and 1,198 more"
    assert listed(["AAPL"], unnamed=3) == "AAPL and 3 more"


def test_a_noun_is_one_or_many():
    assert counted(1, "session") == "1 session"
    assert counted(0, "session") == "0 sessions"


def test_a_long_text_is_cut():
    assert quoted("31,54") == "'31,54'"
    assert quoted("x" * 61) == repr("x" * 60 + "...")
