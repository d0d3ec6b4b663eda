# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of a store for Prometheus, asked when somebody looks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tmon.server.store.base import Store, StoreError


class StoreFigures(Collector):
    """View lag and sizes of one store, from its `stats`. A store that is away has none."""

    def __init__(self, store: Store, registry: CollectorRegistry) -> None:
        self._store = store
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Nothing is said beforehand: that would ask the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        try:
            stats = self._store.stats(int(time.time() * 1000))
        except StoreError:
            return
        for name, help_, value in (
            (
                "tmon_views_behind_events",
                "Events that the slowest view has not counted.",
                stats.behind_events,
            ),
            (
                "tmon_views_behind_seconds",
                "Age of the oldest event that some view has not counted.",
                stats.behind_ms / 1000,
            ),
            ("tmon_views_filling", "Views that are being filled from the log.", len(stats.filling)),
            ("tmon_log_last_entry", "Number of the log's last entry.", stats.last_seq),
            ("tmon_log_bytes", "Size of the log.", stats.log_bytes),
            ("tmon_views_bytes", "Size of the views.", stats.views_bytes),
        ):
            yield GaugeMetricFamily(name, help_, value=value)
