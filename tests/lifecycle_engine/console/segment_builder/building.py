"""The builder as a page uses it, by the test client."""

from django.urls import reverse

from lifecycle_engine.segments.drafts import draft_load

COUNTRY = {"f.field": "country", "f.operator": "is", "f.value": "DE"}


class Builder:
    """What a page of the builder does, by the test client."""

    def __init__(self, client, draft_id):
        self.client, self.draft_id = client, draft_id

    @property
    def draft(self):
        return draft_load(draft_id=self.draft_id, owner="admin")

    def url(self, name=""):
        return reverse(f"admin:segments_draft{name and '_' + name}", args=[self.draft_id])

    def page(self):
        return self.client.get(self.url()).text

    def post(self, name, /, **data):
        data.setdefault("revision", self.draft.row.revision)
        return self.client.post(self.url(name), data)

    def edit(self, op, path="", /, **data):
        return self.post("edit", op=op, path=path, **data)
