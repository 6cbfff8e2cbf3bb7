"""A campaign's documents: trigger, journey and policy; closed, checked when saved, in words."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar

from django.utils.translation import gettext as _
from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from campaigns.errors import ActionMissingError, CampaignDocumentError, DocumentProblem
from campaigns.triggers.schedule import ScheduleTrigger, ZoneName, schedule_sentence
from lifecycle_engine.customers.models import ConsentPurpose
from lifecycle_engine.sdk.actions import Action, actions
from lifecycle_engine.sdk.registry import Config

StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]
DocumentT = TypeVar("DocumentT", bound=BaseModel)


class Step(Config):
    """One step: which action with which configuration, and what comes after it."""

    action: str = Field(min_length=1)
    config: dict[str, Any] = Field(default_factory=dict)
    next: StepId | None = None


class Journey(Config):
    """The steps of a campaign, from ``start`` along ``next``."""

    start: StepId
    steps: dict[StepId, Step] = Field(min_length=1)

    def path(self) -> list[str]:
        """The steps in the order in which they are taken; ends where the document goes wrong."""
        path: list[str] = []
        step: str | None = self.start
        while step in self.steps and step not in path:
            path.append(step)
            step = self.steps[step].next
        return path

    def message_steps(self) -> list[str]:
        """The steps that reach customers over a channel, in order."""
        return [step for step in self.path() if step_action(self, step).channel]


class FrequencyCap(Config):
    """At most so many messages in so many days, over all campaigns and channels."""

    messages: int = Field(ge=1)
    days: int = Field(ge=1, le=365)


class QuietHours(Config):
    """When not to disturb, on the customer's own clock; may reach over midnight.

    Attributes:
        start: first quiet moment.
        end: first moment that is not quiet any more.
        zone: the clock of customers whose zone isn't known.
    """

    start: dt.time
    end: dt.time
    zone: ZoneName = "UTC"

    @model_validator(mode="after")
    def _some_hours_are_left(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end are the same: nothing could ever be sent")
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("times must not carry an offset: the zone says where the clock hangs")
        return self


class Policy(Config):
    """What a campaign keeps to.

    Attributes:
        holdout: share of the audience that gets nothing, so that results can be told.
        purpose: what the consent must be for.
        frequency_cap: None for no cap.
        quiet_hours: None for none.
        stay_in_segment: whether those who leave the audience stop. Off by default: a condition to
            enter is not a condition to stay.
        max_audience_growth: the campaign pauses rather than fire at more than this many times the
            audience that was approved when it was published; None to fire at any size.
        goal: the event that counts as success.
        goal_days: days after firing within which it counts.
    """

    holdout: float = Field(default=0.1, ge=0, lt=1)
    purpose: Literal[ConsentPurpose.MARKETING, ConsentPurpose.PROFILING] = ConsentPurpose.MARKETING
    frequency_cap: FrequencyCap | None = None
    quiet_hours: QuietHours | None = None
    stay_in_segment: bool = False
    max_audience_growth: float | None = Field(default=2, ge=1)
    goal: str = Field(default="Order Completed", min_length=1, max_length=200)
    goal_days: int = Field(default=30, ge=1, le=365)


@dataclass(frozen=True, slots=True)
class Documents:
    """The three documents of a campaign, parsed."""

    trigger: ScheduleTrigger
    journey: Journey
    policy: Policy


def documents_check(
    *, trigger: Mapping[str, Any], journey: Mapping[str, Any], policy: Mapping[str, Any]
) -> Documents:
    """Parse and check everything about a campaign's documents; for saving and for forms.

    Raises:
        CampaignDocumentError: something is wrong. Its ``problems`` name each path and value: an
            unknown key or action, a configuration that its action refuses, a template or offer
            that isn't there, a step that can't be reached, a cycle, a reference to no step.
    """
    documents = _documents_parse(trigger, journey, policy)
    problems = list(_shape_problems(documents.journey))
    for step in documents.journey.steps:
        problems += _step_problems(documents.journey, step)
    if problems:
        raise CampaignDocumentError(problems)
    return documents


def documents_read(
    *, trigger: Mapping[str, Any], journey: Mapping[str, Any], policy: Mapping[str, Any]
) -> Documents:
    """Parse documents that were checked when they were saved, and see that nothing went missing.

    Raises:
        ActionMissingError: a step's action is not registered any more; names step and action.
        CampaignDocumentError: a document doesn't parse any more.
    """
    documents = _documents_parse(trigger, journey, policy)
    for step, document in documents.journey.steps.items():
        if document.action not in actions:
            raise ActionMissingError(
                _(
                    "Step “%(step)s” needs the action “%(action)s”, which is not there: its plugin "
                    "is missing or switched off."
                )
                % {"step": step, "action": document.action}
            )
    return documents


def step_action(journey: Journey, step: str) -> Action[Any]:
    """The action of a step, configured.

    Raises:
        UnknownExtensionError: there is no such action.
        CampaignDocumentError: the action refuses the configuration, as a newer release of its
            plugin may do with one that was fine when it was published.
    """
    document = journey.steps[step]
    action = actions.get(document.action)
    try:
        return action(action.Config.model_validate(document.config))
    except ValidationError as error:
        problems = list(_pydantic_problems(error, f"journey.steps.{step}.config"))
        raise CampaignDocumentError(problems) from error


def journey_sentence(documents: Documents) -> str:
    """A campaign in words: when, what, and under which limits."""
    journey, policy = documents.journey, documents.policy
    steps = ", ".join(step_action(journey, step).sentence() for step in journey.path())
    parts = [
        _("Fires %(when)s: %(steps)s.")
        % {"when": schedule_sentence(documents.trigger), "steps": steps},
        _("%(share)s %% of the audience is held out.") % {"share": f"{policy.holdout * 100:g}"},
    ]
    if policy.frequency_cap is not None:
        parts.append(
            _("At most %(messages)d messages in %(days)d days.") % policy.frequency_cap.model_dump()
        )
    if policy.quiet_hours is not None:
        parts.append(
            _("Nothing is sent between %(start)s and %(end)s.")
            % {
                "start": policy.quiet_hours.start.strftime("%H:%M"),
                "end": policy.quiet_hours.end.strftime("%H:%M"),
            }
        )
    return " ".join(parts)


def _documents_parse(trigger: Any, journey: Any, policy: Any) -> Documents:
    problems: list[DocumentProblem] = []
    parsed_trigger = _parse(ScheduleTrigger, trigger, "trigger", problems)
    parsed_journey = _parse(Journey, journey, "journey", problems)
    parsed_policy = _parse(Policy, policy, "policy", problems)
    if parsed_trigger is None or parsed_journey is None or parsed_policy is None:
        raise CampaignDocumentError(problems)
    return Documents(parsed_trigger, parsed_journey, parsed_policy)


def _parse(
    document: type[DocumentT], given: Any, name: str, problems: list[DocumentProblem]
) -> DocumentT | None:
    try:
        return document.model_validate(given)
    except ValidationError as error:
        problems += list(_pydantic_problems(error, name))
        return None


def _pydantic_problems(error: ValidationError, prefix: str) -> Iterator[DocumentProblem]:
    for detail in error.errors(include_url=False):
        path = ".".join([prefix, *(str(part) for part in detail["loc"])])
        yield DocumentProblem(path, detail["input"], detail["msg"].removeprefix("Value error, "))


def _shape_problems(journey: Journey) -> Iterator[DocumentProblem]:
    if journey.start not in journey.steps:
        yield DocumentProblem("journey.start", journey.start, _("there is no such step"))
        return
    path = journey.path()
    last = journey.steps[path[-1]].next
    if last in path:
        yield DocumentProblem(
            f"journey.steps.{path[-1]}.next", last, _("this makes a circle: the journey never ends")
        )
    for name, step in journey.steps.items():
        if step.next is not None and step.next not in journey.steps:
            yield DocumentProblem(
                f"journey.steps.{name}.next", step.next, _("there is no such step")
            )
        if name not in path:
            yield DocumentProblem(
                f"journey.steps.{name}", name, _("no way leads from the start to this step")
            )


def _step_problems(journey: Journey, step: str) -> Iterator[DocumentProblem]:
    path, document = f"journey.steps.{step}", journey.steps[step]
    if document.action not in actions:
        known = ", ".join(actions.keys())
        yield DocumentProblem(
            f"{path}.action",
            document.action,
            _("there is no such action; there is: %(known)s") % {"known": known},
        )
        return
    try:
        action = step_action(journey, step)
    except CampaignDocumentError as error:
        yield from error.problems
        return
    for problem in action.problems():
        yield DocumentProblem(f"{path}.config.{problem.field}", problem.value, problem.message)
    if action.ends and document.next is not None:
        yield DocumentProblem(f"{path}.next", document.next, _("nothing can follow this step"))
