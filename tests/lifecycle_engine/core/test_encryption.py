"""Personal data at rest: no column holds it in clear, keys can be changed, hashes find it."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.core.encryption import DecryptionError, decrypt, encrypt, keyed_hash
from lifecycle_engine.core.rotation import encrypted_fields
from lifecycle_engine.customers.contacts import email_hash, phone_hash
from lifecycle_engine.customers.models import Customer
from tests.factories.customers import CustomerFactory

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encrypted_can_be_read_again(text):
    assert decrypt(encrypt(text)) == text


def test_a_token_says_nothing_and_never_comes_twice():
    tokens = {encrypt("ada@example.com") for _ in range(3)}

    assert len(tokens) == 3
    assert not any("ada" in token for token in tokens)
    assert encrypt("") == ""


def test_a_hash_depends_on_purpose_and_key(settings):
    before = keyed_hash("a", "ada@example.com")

    assert keyed_hash("a", "ada@example.com") == before
    assert keyed_hash("b", "ada@example.com") != before
    settings.HASH_KEY = "another"
    assert keyed_hash("a", "ada@example.com") != before


def test_spellings_of_one_address_have_one_hash():
    assert email_hash(" Ada@Example.COM ") == email_hash("ada@example.com") != email_hash("b@b.de")
    assert phone_hash("+1 (202) 555-0100") == phone_hash("12025550100") != phone_hash("1202555")
    assert email_hash("") == phone_hash("") == phone_hash("-") == ""


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT email, phone FROM customers_customer ORDER BY id")
        return cursor.fetchall()


@pytest.mark.django_db
def test_a_field_is_encrypted_in_the_database_and_plain_here():
    CustomerFactory(email="ada@example.com", phone="+12025550100")

    ((email, phone),) = stored()
    assert "ada" not in email
    assert "202" not in phone
    ada = Customer.objects.get()
    assert (ada.email, ada.phone) == ("ada@example.com", "+12025550100")
    assert ada.email_hash == email_hash("ada@example.com")
    assert list(Customer.objects.values_list("email")) == [("ada@example.com",)]
    Customer.objects.update(email="eve@example.com")
    assert "eve" not in stored()[0][0]
    assert Customer.objects.get().email == "eve@example.com"


@pytest.mark.django_db
@pytest.mark.parametrize("lookup", ["email", "email__in", "email__startswith", "email__gt"])
def test_a_lookup_that_could_never_find_anything_is_refused(lookup):
    with pytest.raises(FieldError, match="email is encrypted"):
        Customer.objects.filter(**{lookup: "ada@example.com"}).exists()


def test_customers_have_encrypted_fields():
    assert {field.name for field in encrypted_fields() if field.model is Customer} == {
        "email",
        "phone",
    }


@pytest.mark.django_db
def test_after_a_rotation_the_old_key_is_not_needed(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    ada = CustomerFactory(email="ada@example.com", phone="")
    before = stored()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert Customer.objects.get().email == "ada@example.com"

    out = StringIO()
    call_command("encryption", "rotate", stdout=out)

    assert "1 values" in out.getvalue()
    assert stored() != before
    settings.ENCRYPTION_KEYS = [NEW]
    assert Customer.objects.get(pk=ada.pk).email == "ada@example.com"


@pytest.mark.django_db
def test_without_the_key_nothing_is_shown_and_nothing_is_changed(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    CustomerFactory(email="ada@example.com")
    before = stored()
    settings.ENCRYPTION_KEYS = [NEW]

    with pytest.raises(DecryptionError, match="ENCRYPTION_KEYS"):
        Customer.objects.get()
    with pytest.raises(CommandError, match="ENCRYPTION_KEYS"):
        call_command("encryption", "rotate")
    assert stored() == before


def test_a_new_key_is_good_for_the_setting():
    out = StringIO()
    call_command("encryption", "key", stdout=out)

    assert Fernet(out.getvalue().strip())
