# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load did, and what its figures mean."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Report:
    """What a load did.

    `latencies` are sorted, in seconds: of each request that was answered, whatever the status, and of each that was due
    and had no answer when the generator gave up, the time until then. With a rate they count from the moment at which
    the request was due, not from that at which it could be sent.
    """

    seconds: float
    """From the first request to the last answer."""
    sent: int
    statuses: dict[int, int]
    errors: dict[str, int]
    """Requests whose connection failed before their answer was there, by what happened; they have no latency."""
    unanswered: int
    """Requests that were due and had no answer, or could not even be sent, when the generator gave up."""
    latencies: list[float]
    stall_s: float
    """The longest time without any answer."""
    late_p99_s: float
    late_max_s: float
    """How late the generator itself was, a free connection being there, in sending what was due."""
    cpu_s: float
    exhausted: bool
    """Whether there were no more requests before the time was over."""

    @property
    def accepted(self) -> int:
        """How many were answered 200."""
        return self.statuses.get(200, 0)

    @property
    def per_second(self) -> float:
        """How many were answered 200 a second."""
        return self.accepted / self.seconds if self.seconds else 0.0

    @property
    def refused(self) -> dict[int, int]:
        """How many were answered otherwise, by status."""
        return {status: count for status, count in self.statuses.items() if status != 200}

    @property
    def problems(self) -> dict[str, int]:
        """How many were not answered 200, by why."""
        refused = {f"answered {status}": count for status, count in sorted(self.refused.items())}
        unanswered = {"unanswered": self.unanswered} if self.unanswered else {}
        return {**refused, **self.errors, **unanswered}

    def latency_ms(self, share: float) -> float:
        """The latency within which `share` of the requests were answered, by the nearest rank; NaN without any."""
        if not self.latencies:
            return math.nan
        return 1000 * self.latencies[nearest_rank(share, len(self.latencies))]

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The report that `to_json` wrote."""
        fields = json.loads(text)
        fields["statuses"] = {int(status): count for status, count in fields["statuses"].items()}
        return cls(**fields)


def nearest_rank(share: float, count: int) -> int:
    """The place, from 0, of the smallest of `count` sorted values that at least `share` of them do not exceed."""
    return min(count - 1, max(0, math.ceil(round(share * count, 6)) - 1))
