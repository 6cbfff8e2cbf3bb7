"""The form that a target is defined in: what counts, for whom, and how soon."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle_engine.console.segment_builder.purposes import (
    OUTCOME,
    POPULATION,
    draft_field,
    purpose_of,
)
from lifecycle_engine.scoring.target_models import HORIZON_MOST, TargetPopulation
from lifecycle_engine.scoring.targets.services import Definition
from lifecycle_engine.segments.draft_models import SegmentDraft
from lifecycle_engine.segments.drafts import Draft, draft_load
from lifecycle_engine.segments.drafts_check import problems_words, rule_document
from lifecycle_engine.segments.rules import rule_parse, rule_sentence

#: The field whose choice "rule" wants a rule of that purpose.
RULES = {OUTCOME: "counts", POPULATION: "population"}
_PURPOSES = {field: purpose for purpose, field in RULES.items()}
#: What has to be chosen as what counts for a field to say anything.
_SHOWN_FOR = {
    "kind": "part",
    "part": "part",
    "event": "event",
    "property": "event",
    "value": "event",
    "times": "part event",
}


@dataclass(frozen=True)
class Row:
    """A field as the page draws it.

    Attributes:
        shown_for: the choices of what counts for which it says something; empty for all.
        purpose: what a rule beside it is for; empty for none.
        rule: that rule as it stands; None before it was begun.
    """

    field: forms.BoundField
    shown_for: str
    purpose: str
    rule: Draft | None

    @property
    def sentence(self) -> str:
        """The rule in words; empty where there is none that can be used."""
        if self.rule is None or self.problems_words:
            return ""
        return rule_sentence(rule_parse(rule_document(self.rule.root)))

    @property
    def problems_words(self) -> str:
        """How much there is to mend in the rule; empty for nothing."""
        found = purpose_of(self.rule.row).problems(self.rule) if self.rule else []
        return problems_words(len(found)) if found else ""


class TargetForm(forms.Form):
    """What staff fill in; it becomes a rule about events.

    Rules of several conditions are built on a page of their own, and stand here by the numbers of
    their drafts. Only those of the owner count.
    """

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        label=gettext_lazy("Key"),
        required=False,
        help_text=gettext_lazy(
            "Lower-case letters, digits and underscores. Empty: made of the name."
        ),
    )
    counts = forms.ChoiceField(
        label=gettext_lazy("What counts"),
        choices=[
            ("part", gettext_lazy("Buying from a part of the catalogue")),
            ("event", gettext_lazy("An event")),
            ("rule", gettext_lazy("What a rule says")),
        ],
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Part of the catalogue"),
        choices=[
            ("department", gettext_lazy("Department")),
            ("category", gettext_lazy("Category")),
            ("brand", gettext_lazy("Brand")),
            ("sku", gettext_lazy("Product")),
        ],
        required=False,
    )
    part = forms.CharField(
        label=gettext_lazy("Which one"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "parts"}),
    )
    event = forms.CharField(
        label=gettext_lazy("Event"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "events"}),
    )
    property = forms.CharField(
        label=gettext_lazy("Only where this property"), max_length=100, required=False
    )
    value = forms.CharField(label=gettext_lazy("is"), max_length=200, required=False)
    times = forms.IntegerField(
        label=gettext_lazy("At least so many times"), min_value=1, max_value=1000, initial=1
    )
    horizon_days = forms.IntegerField(
        label=gettext_lazy("Within so many days"), min_value=1, max_value=HORIZON_MOST, initial=30
    )
    population = forms.ChoiceField(
        label=gettext_lazy("For whom"),
        choices=TargetPopulation.choices,
    )
    outcome_draft = forms.CharField(required=False, widget=forms.HiddenInput)
    population_draft = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, owner: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        for field in self.visible_fields():
            field.field.widget.attrs["class"] = "le-input"

    def rows(self) -> Iterator[Row]:
        """The fields that are seen, with what they depend on and the rule that belongs to them."""
        for field in self.visible_fields():
            purpose = _PURPOSES.get(field.name, "")
            shown_for = _SHOWN_FOR.get(field.name, "")
            yield Row(field, shown_for, purpose, self.rules.get(purpose))

    @cached_property
    def rules(self) -> dict[str, Draft]:
        """The owner's rules as they stand, by what they are for."""
        found = {}
        for purpose in RULES:
            number = str(self[draft_field(purpose)].value() or "")
            if number.isdecimal() and len(number) < 19:
                row = target_rules(self.owner).filter(pk=int(number), purpose=purpose).first()
                if row is not None:
                    found[purpose] = draft_load(draft_id=row.pk, owner=self.owner)
        return found

    def kept(self) -> dict[str, str]:
        """What is filled in, for coming back to it."""
        values = {field.name: self[field.name].value() for field in self}
        written = {name: str(value or "").replace("\0", "")[:200] for name, value in values.items()}
        return {name: value for name, value in written.items() if value}

    def clean(self) -> dict[str, Any]:
        """See that what counts is named, and make a key of the name where none was given."""
        given: dict[str, Any] = super().clean() or {}
        wanted = given.get("counts")
        if wanted in {"part", "event"} and not given.get(wanted):
            self.add_error(wanted, _("Say which."))
        if wanted == "event" and bool(given.get("property")) != bool(given.get("value")):
            self.add_error("value", _("A property goes with a value."))
        for purpose, field in RULES.items():
            if given.get(field) == "rule":
                self._rule_check(field, purpose)
        if given.get("name") and not given.get("slug") and "slug" not in self.errors:
            made = slugify(given.get("name", "")).replace("-", "_")[:40]
            given["slug"] = made
            if not made[:1].isalpha():
                self.add_error("slug", _("Give it a key; none can be made of the name."))
        return given

    def _rule_check(self, field: str, purpose: str) -> None:
        draft, shown = self.rules.get(purpose), self.data.get(f"{purpose}_revision")
        if draft is None:
            self.add_error(field, _("Build the rule first."))
        elif shown is not None and shown != str(draft.row.revision):
            self.add_error(field, _("The rule was changed elsewhere; see what it says now."))
        elif problems := purpose_of(draft.row).problems(draft):
            self.add_error(field, problems[0].message)

    def definition(self) -> Definition:
        """What was filled in."""
        given = self.cleaned_data
        by_rule = given["population"] == TargetPopulation.RULE
        return Definition(
            name=given["name"],
            outcome=self._outcome(),
            horizon_days=given["horizon_days"],
            population=given["population"],
            population_rule=rule_document(self.rules[POPULATION].root) if by_rule else None,
        )

    def _outcome(self) -> object:
        given = self.cleaned_data
        if given["counts"] == "rule":
            return rule_document(self.rules[OUTCOME].root)
        if given["counts"] == "part":
            leaf = {"condition": "category.bought", given["kind"]: given["part"]}
        else:
            leaf = {"condition": "event.count", "name": given["event"]}
            if given["property"]:
                leaf["where"] = [
                    {"property": given["property"], "operator": "is", "value": given["value"]}
                ]
        return rule_document({"all": [leaf | {"at_least": given["times"]}]})


def target_rules(owner: str) -> QuerySet[SegmentDraft]:
    """The rules for targets that somebody is building."""
    return SegmentDraft.objects.filter(owner=owner).exclude(purpose="")
