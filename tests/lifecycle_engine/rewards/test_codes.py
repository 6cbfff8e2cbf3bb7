from lifecycle_engine.rewards.codes import ALPHABET, code_generate, code_normalise


def test_a_code_has_sixty_bits():
    assert len(set(ALPHABET)) == 32
    code = code_generate()
    assert len(code) == 12
    assert set(code) <= set(ALPHABET)


def test_a_thousand_codes_differ():
    assert len({code_generate() for _ in range(1000)}) == 1000


def test_what_people_type_is_read_as_the_code():
    assert code_normalise(" o1ab-cdlI 23zz ") == "01ABCD1123ZZ"


def test_what_cannot_be_a_code_reads_as_nothing():
    assert code_normalise("ABC\0DEF") == ""
    assert code_normalise("DROP TABLE;") == ""
