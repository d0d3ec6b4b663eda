# SPDX-License-Identifier: LGPL-3.0-or-later
"""For Django, under WSGI and ASGI: `"tmon.middleware.django.TmonMiddleware"` first in `MIDDLEWARE`.

The settings are those of `Recorder`, as a dictionary `TMON` in Django's settings; `username` may also be True there
for the names of Django's own users, or the dotted name of a function that is given Django's request.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.module_loading import import_string

from .asgi import url_of
from .recorder import Exchange, Recorder
from .wsgi import asked

SETTING: Final = "TMON"


class TmonMiddleware:
    """Reports each request that Django answers."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._recorder = _configured()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer as the application does: with a response, or under ASGI with a coroutine for one."""
        if self._is_async:
            return self._answer(request)
        exchange = self._begun(request)
        if exchange is None:
            return self._get_response(request)
        try:
            response = self._get_response(request)
        except BaseException:
            exchange.end(failed=True)
            raise
        exchange.ask(request)
        return self._followed(request, response, exchange)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        exchange = self._begun(request)
        if exchange is None:
            return await self._get_response(request)  # type: ignore[no-any-return]  # Django has no type for it
        try:
            response = await self._get_response(request)
            if self._recorder.asks:
                await sync_to_async(exchange.ask)(request)  # it may well ask the database
        except CancelledError:  # whoever asked has left
            exchange.end(aborted=True)
            raise
        except BaseException:
            exchange.end(failed=True)
            raise
        return self._followed(request, response, exchange)

    def _begun(self, request: HttpRequest) -> Exchange | None:
        try:
            return (
                asked(self._recorder, _environ(request)) if self._recorder.wants(request.path_info) else None
            )
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
            self._recorder.failed(error, "a request could not be read")
            return None

    def _followed(
        self, request: HttpRequest, response: HttpResponseBase, exchange: Exchange
    ) -> HttpResponseBase:
        try:
            follow(request, response, exchange)
        except Exception as error:  # noqa: BLE001 (as above)
            self._recorder.failed(error, "an answer could not be followed")
        return response


def follow(request: HttpRequest, response: HttpResponseBase, exchange: Exchange) -> None:
    """Have the exchange end when the server closes the response, with what was sent of it by then."""
    exchange.status = response.status_code
    exchange.route = _route(request)
    ending = _Ending(exchange, response.close)
    response.close = ending.close  # type: ignore[method-assign]  # what servers call, once all is sent
    if not response.streaming:
        exchange.bytes = len(response.content)  # type: ignore[attr-defined]  # all but streams have it
        ending.whole = True
    elif getattr(response, "file_to_stream", None) is not None:
        # The server may have the system send the file. It is sent as far as can be told.
        exchange.bytes = int(response.get("Content-Length", "0"))
        ending.whole = True
    elif isinstance(response, StreamingHttpResponse):
        pieces = response.streaming_content
        if isinstance(pieces, AsyncIterator):
            response.streaming_content = ending.counted_async(pieces)
        else:
            response.streaming_content = ending.counted(pieces)


class _Ending:
    """Sees a response end."""

    def __init__(self, exchange: Exchange, close: Callable[[], None]) -> None:
        self._exchange = exchange
        self._close = close
        self.whole = False

    def close(self) -> None:
        """Close the response; now the server is done with it, or the client has left."""
        try:
            self._close()
        finally:
            self._exchange.end(aborted=not self.whole)

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of a stream."""
        try:
            for piece in pieces:
                yield piece
                self._exchange.bytes += len(piece)
        except GeneratorExit:
            raise  # it is closed, which is seen to above
        except BaseException:
            self._exchange.end(failed=True, aborted=True)
            raise
        self.whole = True

    async def counted_async(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The pieces of a stream under ASGI."""
        try:
            async for piece in pieces:
                yield piece
                self._exchange.bytes += len(piece)
        except (GeneratorExit, CancelledError):
            self._exchange.end(aborted=True)  # Django does not close it then
            raise
        except BaseException:
            self._exchange.end(failed=True, aborted=True)
            raise
        self.whole = True


def _environ(request: HttpRequest) -> Any:
    """The request as WSGI has it, which Django imitates for ASGI all but the path as it was asked for."""
    scope = getattr(request, "scope", None)
    if scope is None:
        return request.META
    return {**request.META, "RAW_URI": url_of(scope)}


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return f"/{match.route}" if match is not None else ""


def _name(request: HttpRequest) -> str | None:
    """The name of Django's own user."""
    user = getattr(request, "user", None)
    return str(user.get_username()) if user is not None and user.is_authenticated else None


def _configured() -> Recorder:
    """The recorder that Django's settings ask for. Raises ImproperlyConfigured for what makes no sense."""
    given = getattr(settings, SETTING, {})
    if not isinstance(given, dict):
        raise ImproperlyConfigured(f"{SETTING} is a dictionary")
    found = dict(given)
    if found.get("username") is True:
        found["username"] = _name
    elif isinstance(found.get("username"), str):
        found["username"] = import_string(found["username"])
    try:
        return Recorder(**found)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"{SETTING}: {error}") from error
