import pytest

from lifecycle_engine.messaging.rendering import TemplateError, template_names, template_render

DATA = {"customer": {"first_name": "Ada", "note": "<b>&\"'"}, "items": [{"n": 1}, {"n": 2}]}


def test_names_are_filled_in():
    source = "{% for item in items %}{{ item.n }},{% endfor %}{{ customer.first_name | upcase }}"

    assert template_render(source, DATA) == "1,2,ADA"


def test_values_are_escaped_in_html_only():
    assert template_render("{{ customer.note }}", DATA) == "<b>&\"'"
    assert template_render("{{ customer.note }}", DATA, html=True) == "&lt;b&gt;&amp;&#34;&#39;"


def test_a_name_that_is_not_there_is_an_error_unless_it_has_a_default():
    with pytest.raises(TemplateError, match=r"Line 2: customer\.nickname is undefined"):
        template_render("Hi\n{{ customer.nickname }}", DATA)

    assert template_render('{{ customer.nickname | default: "you" }}', DATA) == "you"


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer.__class__ }}",
        "{{ customer.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}",
        "{{ customer.keys }}",
        "{{ settings.SECRET_KEY }}",
        "{{ request }}",
        "{{ 7*7 }}",
        "{{ env('PATH') }}",
        '{{ env "PATH" }}',
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{% extends 'x' %}",
        "{% load x %}",
        "{% debug %}",
        "{% import os %}",
        "{% liquid echo 1 %}",
        "{% tablerow i in (1..9) %}{% endtablerow %}",
        "{{ customer.note | safe }}",
        "{{ 'now' | date: '%Y' }}",
        "{{ 'a' | replace: 'a', 'b' }}",
        "{% if %}",
        "{{ ",
        "{% for i in (1..1000000) %}x{% endfor %}",
        "{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}",
        "{% assign a = 'xxxx' %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}",
        "{% assign a = 9 %}{% for i in (1..60) %}{% assign a = a | times: a %}{% endfor %}{{ a }}",
        "{% capture a %}"
        + "x" * 1000
        + "{% endcapture %}{% for i in (1..9000) %}{{ a }}{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
        "x" * 200_001,
    ],
)
@pytest.mark.parametrize("html", [False, True])
def test_what_reaches_out_or_blows_up_is_refused(source, html):
    with pytest.raises(TemplateError):
        template_render(source, DATA, html=html)


@pytest.mark.parametrize(
    "source", ["${7*7}", "<%= 7*7 %>", "#{7*7}", "<script>x</script>", "script::x", "[[${7}]]"]
)
def test_other_engines_marks_are_plain_text(source):
    assert template_render(source, DATA) == source


def test_data_is_never_read_as_a_template():
    data = {"customer": {"first_name": "{{ secret }}{% include 'x' %}"}}

    assert template_render("{{ customer.first_name }}", data) == data["customer"]["first_name"]


def test_the_names_a_template_takes():
    source = "{{ a.b }}{% for i in items %}{{ i.n }}{{ c }}{% endfor %}"

    assert template_names(source) == {"a.b", "items", "c"}
