"""Running text that an adapted model should still find about as likely as the model before it.

Bits per byte can be compared between models with different tokenizers. The expectation is a change, so without a baseline a
passage is measured and its case inconclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

from afinar.audit.asking import CLASSIFICATION, Number, failed, shown
from afinar.audit.probes import Failure, Likelihood, LogLikelihood, Probe, Response
from afinar.audit.schema import Passage, Suite
from afinar.audit.verdicts import Expansion, Reason, Status, Verdict

TOLERANCE = 1e-12


def applies(case: Passage, suite: Suite, task: str) -> bool:
    """Only to models that give texts a likelihood."""
    return task != CLASSIFICATION


def probes(case: Passage, suite: Suite, task: str) -> list[Probe]:
    """The passage's likelihood."""
    return [Likelihood(case.passage)]


def judge(
    case: Passage, suite: Suite, task: str, responses: Sequence[Response], baseline: Sequence[Response] | None
) -> Verdict:
    """Pass where the passage costs at most the allowed bits per byte more than before."""
    error = failed(responses, [("passage", case.passage)])
    if error is not None:
        return error
    after = _bits(responses[0])
    values = {"bits_per_byte": after}
    if baseline is None:
        return _verdict(case, responses[0], Status.INCONCLUSIVE, Reason("kinds.no_baseline"), values)
    if isinstance(baseline[0], Failure):
        return _verdict(case, responses[0], Status.INCONCLUSIVE, Reason(baseline[0].key, baseline[0].values), values)
    before = _bits(baseline[0])
    values["change"] = after - before
    if after - before <= case.expect.worse_by_at_most + TOLERANCE:
        return _verdict(case, responses[0], Status.PASS, None, values)
    limit = Number(case.expect.worse_by_at_most)
    reason = Reason("kinds.forgotten", {"before": Number(before), "after": Number(after), "limit": limit})
    return _verdict(case, responses[0], Status.FAIL, reason, values)


def _bits(response: Response) -> float:
    if not isinstance(response, LogLikelihood):
        raise TypeError(f"A likelihood was asked for; got {type(response).__name__}.")
    return response.bits_per_byte


def _verdict(case: Passage, response: Response, status: Status, reason: Reason | None, values: dict[str, float]) -> Verdict:
    reasons = () if reason is None else (reason,)
    return Verdict(status, reasons, (Expansion(case.passage, shown(response), status, "passage", reasons=reasons),), values)
