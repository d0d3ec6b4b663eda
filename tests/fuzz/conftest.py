# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that the tests of the endpoint share, a module each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fuzz.endpoint import Endpoint
from tests.integration.server_process import ServerProcess


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with ServerProcess(tmp_path_factory.mktemp("fuzz")) as server:
        yield Endpoint(server)


@pytest.fixture
def aftermath(endpoint: Endpoint) -> Iterator[None]:
    """After each test the server is as well as before."""
    yield
    endpoint.check()
