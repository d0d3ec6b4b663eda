# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the figures of several processes into one text, each sample with the label `process`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


def merged(texts: Mapping[str, str]) -> bytes:
    """The figures of all processes, whose texts in Prometheus' format are given by their names."""
    registry = CollectorRegistry()
    registry.register(_Merged(texts))
    return generate_latest(registry)


class _Merged(Collector):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def describe(self) -> Iterator[Metric]:
        """Nothing is said beforehand: the texts are read once."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Each metric once, with the samples of every process that has it."""
        metrics: dict[str, Metric] = {}
        for process, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                metric = metrics.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    labels = {**sample.labels, "process": process}
                    metric.add_sample(sample.name, labels, sample.value, sample.timestamp, sample.exemplar)
        yield from metrics.values()
