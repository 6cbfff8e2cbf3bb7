import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.messaging.sms import sms_count


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("好" * 70, "ucs2", 70, 1),
        ("好" * 71, "ucs2", 71, 2),
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 36, "ucs2", 72, 2),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        ("a" * 159 + "€", "gsm7", 161, 2),
        ("a" * 70 + "好", "ucs2", 71, 2),
        # A pair is never torn apart: 152 and an escaped character don't fill a part of 153.
        ("a" * 152 + "€" + "a" * 151, "gsm7", 305, 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),
        ("好" * 66 + "😀" + "好" * 66, "ucs2", 134, 3),
    ],
)
def test_the_networks_table(text, encoding, units, parts):
    count = sms_count(text)

    assert (count.encoding, count.units, count.parts) == (encoding, units, parts)


def test_a_longer_header_leaves_less_room():
    assert sms_count("a" * 304, header_bytes=7).parts == 2
    assert sms_count("a" * 305, header_bytes=7).parts == 3
    assert sms_count("好" * 132, header_bytes=7).parts == 2
    assert sms_count("好" * 133, header_bytes=7).parts == 3


@given(st.text())
def test_ucs2_is_counted_in_units_of_utf16(text):
    count = sms_count(text + "好")

    assert count.units == len((text + "好").encode("utf-16-le", "surrogatepass")) // 2
    assert (count.parts == 1) == (count.units <= 70)
