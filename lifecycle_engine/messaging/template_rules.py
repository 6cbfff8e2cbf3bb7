"""What a message template must have before it may be saved."""

from django.utils.translation import gettext as _

from lifecycle_engine.messaging.rendering import TemplateError, line_check, template_names
from lifecycle_engine.sdk.channels import channels

#: What the law wants in every advertising e-mail: a way out, and who sends it from where.
_REQUIRED = ("unsubscribe_url", "sender.address")


def template_problems(
    *, channel: str, purpose: str, subject: str, text: str, html: str
) -> dict[str, str]:
    """What is wrong with a template, by field; empty when it is fit to be sent."""
    if channel not in channels:
        known = ", ".join(channels.keys())
        return {
            "channel": _("There is no channel %(channel)r; there is: %(known)s.")
            % {"channel": channel, "known": known}
        }
    problems = {}
    for field, source in (("subject", subject), ("text", text), ("html", html)):
        try:
            template_names(source, html=field == "html")
        except TemplateError as error:
            problems[field] = str(error)
    rich = channels.get(channel).rich
    if problems or not rich:
        return problems | ({} if rich else _plain_problems(subject, html))
    return _subject_problems(subject) | (
        _advertising_problems(text, html) if purpose == "marketing" else {}
    )


def _plain_problems(subject: str, html: str) -> dict[str, str]:
    extra = {"subject": subject, "html": html}
    return {field: _("This channel has text only.") for field, given in extra.items() if given}


def _subject_problems(subject: str) -> dict[str, str]:
    if not subject.strip():
        return {"subject": _("An e-mail needs a subject.")}
    try:
        line_check("subject", subject)
    except TemplateError as error:
        return {"subject": str(error)}
    return {}


def _advertising_problems(text: str, html: str) -> dict[str, str]:
    problems = {}
    for field, source in (("text", text), ("html", html)):
        missing = [
            name
            for name in _REQUIRED
            if (source or field == "text") and name not in template_names(source)
        ]
        if missing:
            problems[field] = _("Advertising has to show: %(names)s.") % {
                "names": ", ".join(f"{{{{ {name} }}}}" for name in missing)
            }
    return problems
