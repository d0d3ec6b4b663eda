# SPDX-License-Identifier: GPL-3.0-or-later
"""The administration of web services: created with id and secret on save, keys rotated and revoked, members, tokens.

A secret is shown on the page of its web service and nowhere else: not in lists, not in messages, not in the log of
changes.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from . import accounts, audit, keys, resetting
from .audit import Act, in_administration
from .errors import TenantsError
from .models import AuditEntry, Key, Membership, Token, WebService
from .peers import base_url_of
from .sealing import Unopenable

if TYPE_CHECKING:  # these classes take parameters for the type checker only
    _KeyTable = admin.TabularInline[Key, WebService]
    _MemberTable = admin.TabularInline[Membership, WebService]
    _WebServicePages = admin.ModelAdmin[WebService]
    _KeyPages = admin.ModelAdmin[Key]
    _TokenPages = admin.ModelAdmin[Token]
    _AuditPages = admin.ModelAdmin[AuditEntry]
    _UserPages = UserAdmin[User]
else:
    _KeyTable = _MemberTable = admin.TabularInline
    _WebServicePages = _KeyPages = _TokenPages = _AuditPages = admin.ModelAdmin
    _UserPages = UserAdmin


class KeyInline(_KeyTable):
    """The keys of a web service, to look at; they are changed by actions."""

    model = Key
    fields = readonly_fields = ("number", "created", "revoked")
    extra = 0
    can_delete = False
    verbose_name_plural = "keys"

    @admin.display(description="id")
    def number(self, key: Key) -> int:
        """The id that `tmon webservice revoke-key` takes."""
        return key.pk

    def has_add_permission(self, request: HttpRequest, obj: WebService | None = None) -> bool:
        """Keys come from rotation."""
        return False


class MembershipInline(_MemberTable):
    """Who else may read it."""

    model = Membership
    extra = 1
    autocomplete_fields = ("user",)


@admin.register(WebService)
class WebServiceAdmin(_WebServicePages):
    """Creates web services with their first key, and shows the DSN on their page."""

    list_display = ("name", "wsid", "owner", "timezone", "ip_policy", "retention_days", "created")
    list_filter = ("ip_policy",)
    search_fields = ("name", "owner__username")
    autocomplete_fields = ("owner",)
    readonly_fields = ("wsid", "dsns", "zone_history", "created")
    actions = ("rotate_key", "revoke_older_key")
    inlines = (KeyInline, MembershipInline)
    list_select_related = ("owner",)

    def get_fieldsets(self, request: HttpRequest, obj: WebService | None = None) -> Any:
        """A new web service has no id and no key yet."""
        chosen = (
            *("name", "owner", "timezone", "ip_policy"),
            *("retention_days", "events_per_second", "log_megabytes"),
        )
        if obj is None:
            return ((None, {"fields": chosen, "description": "Its id and its secret are created on save."}),)
        return ((None, {"fields": ("wsid", "dsns", *chosen, "zone_history", "created")}),)

    def get_inlines(self, request: HttpRequest, obj: WebService | None) -> Any:
        """Keys and members belong to a web service that is there."""
        return self.inlines if obj is not None else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Whoever creates it owns it unless he says otherwise."""
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> WebService | None:
        """The web service, knowing under which address its DSN is to be shown."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.base_url = base_url_of(request)  # type: ignore[attr-defined]
        return found

    def save_model(self, request: HttpRequest, obj: WebService, form: Any, change: bool) -> None:
        """Save as the commands and pages do; a new web service gets its first key."""
        by = in_administration(request)
        if change:
            changed = {name: form.cleaned_data[name] for name in form.changed_data}
            if changed:
                accounts.change_webservice(obj.wsid, by, **changed)
        else:
            accounts.add_webservice(obj, by)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Members are added, changed and removed as by commands and pages; what is refused is said."""
        if formset.model is not Membership:
            super().save_formset(request, form, formset, change)
            return
        by, wsid = in_administration(request), form.instance.wsid
        present = formset.save(commit=False)
        try:
            for member in formset.deleted_objects:
                accounts.remove_member(wsid, member.user, by)
            for member in present:
                before = Membership.objects.filter(pk=member.pk).first()
                if before is not None and before.user_id != member.user_id:
                    accounts.remove_member(wsid, before.user, by)
                accounts.add_member(wsid, member.user, member.role, by)
        except TenantsError as error:
            self.message_user(request, f"Members: {error}", messages.ERROR)

    def delete_model(self, request: HttpRequest, obj: WebService) -> None:
        """Delete as the command does; the server drops the events within a minute."""
        accounts.delete_webservice(obj.wsid, in_administration(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WebService]) -> None:
        """The same for several."""
        for webservice in queryset:
            self.delete_model(request, webservice)

    def response_add(
        self, request: HttpRequest, obj: WebService, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go to the new web service's own page, where its id and secret are."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.message_user(
            request, f"Web service {obj.name} is ready. Its id and its DSN are below.", messages.SUCCESS
        )
        return redirect(reverse("admin:tenants_webservice_change", args=[obj.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page with the secret is kept by no cache."""
        response = super().change_view(request, object_id, form_url, extra_context)
        response.headers["Cache-Control"] = "no-store"
        return response

    @admin.display(description="DSN")
    def dsns(self, obj: WebService) -> SafeString | str:
        """The configuration of a client for each active key, newest first."""
        return (
            format_html_join("", "<p>key {}: <code>{}</code></p>", self._shown_keys(obj)) or "no active key"
        )

    @admin.display(description="time zones")
    def zone_history(self, obj: WebService) -> SafeString:
        """Which zone holds from when."""
        rows = ((zone, _since(since)) for since, zone in obj.zone_changes.values_list("since", "zone"))
        return format_html_join("", "<p>{} {}</p>", rows)

    @admin.action(description="Rotate the key: make a second one")
    def rotate_key(self, request: HttpRequest, queryset: QuerySet[WebService]) -> None:
        """Issue a key for each selected web service."""
        by = in_administration(request)
        for webservice in queryset:
            self._do(
                request, webservice, "has a new key; its DSN is on its page", lambda w: keys.issue(w.wsid, by)
            )

    @admin.action(description="Revoke the older key")
    def revoke_older_key(self, request: HttpRequest, queryset: QuerySet[WebService]) -> None:
        """End the older one of two keys of each selected web service."""
        by = in_administration(request)
        for webservice in queryset:
            self._do(request, webservice, "has one active key left", lambda w: keys.revoke(w.wsid, by=by))

    def _do(self, request: HttpRequest, webservice: WebService, done: str, change: Any) -> None:
        url = reverse("admin:tenants_webservice_change", args=[webservice.pk])
        try:
            change(webservice)
        except TenantsError as error:
            self.message_user(request, f"Web service {webservice.name}: {error}", messages.ERROR)
            return
        self.log_change(request, webservice, done)
        self.message_user(
            request,
            format_html('Web service <a href="{}">{}</a> {}.', url, webservice.name, done),
            messages.SUCCESS,
        )

    def _shown_keys(self, obj: WebService) -> list[tuple[int, str]]:
        base_url: str | None = getattr(obj, "base_url", None)
        shown = []
        for key in keys.active(obj.wsid):
            try:
                shown.append((key.pk, keys.dsn(obj.wsid, keys.secret_of(key), base_url)))
            except Unopenable:
                shown.append((key.pk, "does not open under this server's TMON_SECRET_KEY; rotate the key"))
        return shown


def _since(second: int | None) -> str:
    if second is None:
        return "from the beginning"
    return f"from {dt.datetime.fromtimestamp(second, dt.UTC):%Y-%m-%d %H:%M} UTC"


@admin.register(Key)
class KeyAdmin(_KeyPages):
    """All keys, to find and to revoke; their secrets are not here."""

    list_display = ("number", "webservice", "created", "revoked")
    list_display_links = None
    list_filter = (("revoked", admin.EmptyFieldListFilter),)
    search_fields = ("webservice__name",)
    list_select_related = ("webservice",)
    actions = ("revoke",)

    @admin.display(description="id", ordering="pk")
    def number(self, key: Key) -> int:
        """The id that `tmon webservice revoke-key` takes."""
        return key.pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys come from rotation."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        """Only the list and its action."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        """A revoked key stays to be seen; keys go with their web service."""
        return obj is not None and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Key) -> None:
        """A key that is deleted has ended, and the audit log says so."""
        if obj.revoked is None:
            keys.revoke(obj.webservice_id, obj.pk, in_administration(request))
        super().delete_model(request, obj)

    @admin.action(description="Revoke for good", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Key]) -> None:
        """End the selected keys."""
        for key in queryset:
            try:
                keys.revoke(key.webservice_id, key.pk, in_administration(request))
            except TenantsError as error:
                self.message_user(request, f"{key}: {error}", messages.ERROR)
            else:
                self.log_change(request, key, "revoked")
                self.message_user(request, f"Key {key.pk} of {key.webservice} is revoked.", messages.SUCCESS)


@admin.register(Token)
class TokenAdmin(_TokenPages):
    """API tokens, to see and to revoke. They are made by `tmon token create`, which shows them once."""

    list_display = ("number", "name", "user", "webservice", "created", "last_used", "revoked")
    list_display_links = None
    list_filter = (("revoked", admin.EmptyFieldListFilter),)
    search_fields = ("name", "user__username")
    list_select_related = ("user", "webservice")
    actions = ("revoke",)

    @admin.display(description="id", ordering="pk")
    def number(self, token: Token) -> int:
        """The id that `tmon token revoke` takes."""
        return token.pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        """An administrator does not get at others' data by a token made here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        """A token is what it is; only the list's action revokes it."""
        return obj is None and super().has_change_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Token) -> None:
        """A token that is deleted has ended, and the audit log says so."""
        if obj.revoked is None:
            accounts.revoke_token(obj.pk, in_administration(request))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        """The same for several."""
        for token in queryset:
            self.delete_model(request, token)

    @admin.action(description="Revoke for good", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        """End the selected tokens."""
        for token in queryset:
            try:
                accounts.revoke_token(token.pk, in_administration(request))
            except TenantsError as error:
                self.message_user(request, f"API token {token}: {error}", messages.ERROR)
            else:
                self.log_change(request, token, "revoked")
                self.message_user(request, f"API token {token} is revoked.", messages.SUCCESS)


@admin.register(AuditEntry)
class AuditAdmin(_AuditPages):
    """The audit log of the whole server, also of web services that are gone; nobody changes it."""

    list_display = ("at", "actor", "way", "done", "of", "more")
    list_display_links = None
    list_filter = ("way", "act")
    search_fields = ("actor", "webservice", "=wsid")
    date_hierarchy = "at"

    @admin.display(description="done", ordering="act")
    def done(self, entry: AuditEntry) -> str:
        """What was done."""
        return audit.in_words(entry)

    @admin.display(description="web service", ordering="wsid")
    def of(self, entry: AuditEntry) -> str:
        """Which web service it was, by the name that it had."""
        return "" if entry.wsid is None else f"{entry.webservice} ({entry.wsid})"

    @admin.display(description="details")
    def more(self, entry: AuditEntry) -> str:
        """The details in a line."""
        return ", ".join(f"{name}: {value}" for name, value in audit.details_in_words(entry.details))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Entries come from acts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """An entry is what it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Entries go by their age only."""
        return False


admin.site.unregister(User)


@admin.register(User)
class AuditedUserAdmin(_UserPages):
    """Django's pages of users, whose acts are in the audit log."""

    actions = ("reset_links",)

    @admin.action(description="Make links to set a new password", permissions=["change"])
    def reset_links(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse:
        """Show a link for each selected user, once: it is in no message and in no list."""
        by, base_url = in_administration(request), base_url_of(request)
        links = [(user.get_username(), base_url + resetting.path_for(user, by)) for user in queryset]
        context = {
            **self.admin_site.each_context(request),
            "title": "Links to set a new password",
            "links": links,
        }
        response = render(request, "admin/reset_links.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save, and say so."""
        super().save_model(request, obj, form, change)
        act = Act.USER_CHANGED if change else Act.USER_CREATED
        if not change or form.changed_data:
            fields = ", ".join(form.changed_data) if change else None
            details = {"fields": fields} if change else {"administrator": obj.is_staff}
            audit.record(in_administration(request), act, user=obj.get_username(), **details)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete, and say so."""
        audit.record(in_administration(request), Act.USER_DELETED, user=obj.get_username())
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The same for several."""
        for user in queryset:
            self.delete_model(request, user)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Change it, and say so."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = self.get_object(request, id)
            name = user.get_username() if user is not None else id
            audit.record(in_administration(request), Act.PASSWORD_CHANGED, user=name)
        return response
