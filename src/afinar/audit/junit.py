"""An audit as JUnit XML, which CI systems read: a test suite per suite, a test case per case, and one per gate.

A failed case is a `failure`, an error an `error`; what is inconclusive or skipped is `skipped`, with its reason. There is no
time and no host in it, so that the same audit gives the same file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from afinar.audit.gates import Gate, GateStatus, gates
from afinar.audit.runner import Outcome
from afinar.audit.summary import Summary
from afinar.audit.verdicts import Expansion, Status, Verdict
from afinar.audit.wording import told
from afinar.audit.writing import write_whole

LONGEST = 2_000
"""Characters of a text or an answer; reports of CI systems are no place for more."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {Status.FAIL: "failure", Status.ERROR: "error", Status.INCONCLUSIVE: "skipped", Status.SKIPPED: "skipped"}
_GATE_TAGS = {GateStatus.FAILED: "failure", GateStatus.INCONCLUSIVE: "skipped", GateStatus.SKIPPED: "skipped"}


def write_junit(path: str | Path, summaries: Sequence[Summary]) -> Path:
    """Write the cases and gates of the model under audit, whole or not at all; returns the file."""
    root = junit(summaries)
    ElementTree.indent(root)
    return write_whole(Path(path), '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n")


def junit(summaries: Sequence[Summary]) -> Element:
    """The `testsuites` element."""
    root = Element("testsuites", name="afinar audit")
    for summary in summaries:
        suite = SubElement(root, "testsuite", name=_xml(summary.audit.suite.name))
        for outcome in summary.audit.outcomes:
            _case(suite, summary, outcome)
        for gate in gates(summary):
            _gate(suite, summary, gate)
        _count(suite, suite)
    _count(root, root)
    return root


def _case(suite: Element, summary: Summary, outcome: Outcome) -> None:
    name = f"{summary.audit.suite.name}.{outcome.case.category}"
    case = SubElement(suite, "testcase", classname=_xml(name), name=_xml(outcome.case.id))
    verdict = outcome.verdict
    tag = _TAGS.get(verdict.status)
    if tag is not None:
        _problem(case, tag, str(verdict.status), " ".join(told(reason) for reason in verdict.reasons), _details(verdict))


def _gate(suite: Element, summary: Summary, gate: Gate) -> None:
    name = f"{summary.audit.suite.name}.{gate.category}"
    case = SubElement(suite, "testcase", classname=_xml(name), name=_xml(f"gate: {gate.rule}"))
    tag = _GATE_TAGS.get(gate.status)
    if tag is not None:
        _problem(case, tag, str(gate.status), told(gate.reason), "")


def _problem(case: Element, tag: str, kind: str, message: str, details: str) -> None:
    # `skipped` has no type in the common schema.
    named = {"message": _xml(message)} if tag == "skipped" else {"message": _xml(message), "type": kind}
    SubElement(case, tag, named).text = _xml(details) or None


def _details(verdict: Verdict) -> str:
    """The expansions that did not pass, with what was answered."""
    return "\n\n".join(_expansion(each) for each in verdict.expansions if each.status is not Status.PASS)


def _expansion(each: Expansion) -> str:
    reasons = "".join(f"\n  {told(reason)}" for reason in each.reasons)
    return f"[{each.kind}] {_short(each.text)}\n> {_short(each.response)}{reasons}"


def _count(element: Element, within: Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(1 for _ in within.iter(tag))))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _xml(text: str) -> str:
    """`text` with what XML 1.0 has no place for written out: `\\x00`, lone surrogates."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
