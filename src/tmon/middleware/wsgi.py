# SPDX-License-Identifier: LGPL-3.0-or-later
"""The core for WSGI applications (PEP 3333): `app = WsgiMiddleware(app)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from .recorder import Exchange, Recorder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from tmon.client_api import Client

Route = Callable[["WSGIEnvironment"], str]
"""The template of the route that was taken, told from the environment when the answer begins."""
EXCHANGE: Final = "tmon.exchange"
"""Where the environment has the exchange, for what stands on this core and knows more."""
FILE_WRAPPER: Final = "wsgi.file_wrapper"
_ABSOLUTE: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
SAFE: Final = "/:@!$&'()*+,;=~-._%"


class WsgiMiddleware:
    """Reports the requests of `app`.

    The settings are those of `Recorder`; `username` is given the environment. `route` is for frameworks.
    """

    def __init__(
        self,
        app: WSGIApplication,
        client: Client | None = None,
        *,
        route: Route | None = None,
        **settings: Any,
    ) -> None:
        self._app = app
        self._route = route
        self._recorder = Recorder(client, **settings)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does."""
        exchange = self._begun(environ)
        if exchange is None:
            return self._app(environ, start_response)
        answer = _Answer(self._recorder, exchange, environ, self._route)
        try:
            body = self._app(environ, answer.starting(start_response))
        except BaseException:
            answer.end(failed=True)
            raise
        return answer.watched(body)

    def _begun(self, environ: WSGIEnvironment) -> Exchange | None:
        try:
            if not self._recorder.wants(environ.get("PATH_INFO", "")):
                return None
            environ[EXCHANGE] = exchange = asked(self._recorder, environ)
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
            self._recorder.failed(error, "a request could not be read")
            return None
        return exchange


def asked(recorder: Recorder, environ: WSGIEnvironment) -> Exchange:
    """What a request asks for, which begins now."""
    return Exchange(
        recorder,
        environ.get("REQUEST_METHOD", ""),
        _url(environ),
        environ.get("REMOTE_ADDR"),
        forwarded=environ.get(recorder.proxies.wsgi_name, ""),
        host=environ.get("HTTP_HOST", ""),
        referrer=environ.get("HTTP_REFERER", ""),
        useragent=environ.get("HTTP_USER_AGENT"),
    )


def _url(environ: WSGIEnvironment) -> str:
    """Path and query as they were asked for, where the server tells, else put together again."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if raw:
        return _ABSOLUTE.sub("", raw) or "/"
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    url = quote(path.encode("latin-1", "replace"), safe=SAFE) or "/"
    query = environ.get("QUERY_STRING", "")
    return f"{url}?{query}" if query else url


class _Answer:
    """Follows one answer from its status to its last byte."""

    def __init__(
        self, recorder: Recorder, exchange: Exchange, environ: WSGIEnvironment, route: Route | None
    ) -> None:
        self._recorder = recorder
        self._route = route
        self._exchange = exchange
        self._environ = environ
        self._headers: list[tuple[str, str]] = []
        self._file: object = None
        wrapper = environ.get(FILE_WRAPPER)
        if wrapper is not None:
            environ[FILE_WRAPPER] = self._wrapping(wrapper)

    def starting(self, start_response: StartResponse) -> StartResponse:
        """`start_response` for the application."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            self._exchange.status = int(status[:3]) if status[:3].isdecimal() else 0
            self._headers = headers
            self._tell_route()
            write = (
                start_response(status, headers)
                if exc_info is None
                else start_response(status, headers, exc_info)
            )

            def written(data: bytes) -> object:
                done = write(data)
                self._exchange.bytes += len(data)
                return done

            return written

        return start

    def _tell_route(self) -> None:
        if self._route is None:
            return
        try:
            self._exchange.route = self._route(self._environ)
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
            self._recorder.incomplete(error, "a route can't be told")

    def watched(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body, which is watched while the server sends it."""
        if body is self._file and self._file is not None:
            return body  # its file says when it is closed, and the server may have the system send it
        return _SizedBody(body, self) if hasattr(body, "__len__") else _Body(body, self)

    def sent(self, size: int) -> None:
        """So many bytes were handed over."""
        self._exchange.bytes += size

    def end(self, *, failed: bool = False, aborted: bool = False) -> None:
        """There is nothing more to come."""
        exchange = self._exchange
        if exchange.ended:
            return
        exchange.ask(self._environ)
        exchange.end(failed=failed, aborted=aborted)

    def _wrapping(self, wrapper: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def wrapped(file: Any, *size: int) -> Iterable[bytes]:
            self._file = body = wrapper(_File(file, self._closed), *size)
            return body

        return wrapped

    def _closed(self) -> None:
        self._exchange.bytes = _length(self._headers)
        self.end()


class _Body:
    """The application's iterable, whose bytes are counted."""

    def __init__(self, body: Iterable[bytes], answer: _Answer) -> None:
        self._body = body
        self._answer = answer
        self._pieces: Iterator[bytes] | None = None
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._pieces is None:
                self._pieces = iter(self._body)
            piece = next(self._pieces)
        except StopIteration:
            self._whole = True
            raise
        except BaseException:
            self._answer.end(failed=True, aborted=True)
            raise
        self._answer.sent(len(piece))
        return piece

    def close(self) -> None:
        """Close the application's iterable; now the server is done with it, or the client has left."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException:
            self._answer.end(failed=True, aborted=not self._whole)
            raise
        self._answer.end(aborted=not self._whole)


class _SizedBody(_Body):
    """One of which servers may ask the length, since they then know that of the answer."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # only made where there is one


class _File:
    """An open file that tells when it is closed."""

    def __init__(self, file: Any, closed: Callable[[], None]) -> None:
        self._file = file
        self._closed = closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Close it."""
        try:
            close = getattr(self._file, "close", None)
            if close is not None:
                close()
        finally:
            self._closed()


def _length(headers: list[tuple[str, str]]) -> int:
    """The size of an answer that the system sends, as its headers have it."""
    for name, value in headers:
        if name.lower() == "content-length" and value.strip().isdecimal():
            return int(value)
    return 0
