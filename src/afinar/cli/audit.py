"""`afinar audit SUITE --model RUN|MODEL [--baseline RUN|MODEL|base|none] [--strict]`."""

from __future__ import annotations

from typing import Any

from afinar import messages
from afinar.cli.audit_failures import show_failures
from afinar.cli.audit_tables import show_audit
from afinar.cli.context import Context
from afinar.cli.libraries import quieten
from afinar.cli.progress import reporting


def audit(
    suite: str,
    /,
    *,
    model: str,
    baseline: str | None = None,
    strict: bool = False,
    category: str | None = None,
    train_data: str | None = None,
    output: str | None = None,
    junit: str | None = None,
    context: Context,
) -> dict[str, Any]:
    """Put suites to a model. Returns what audit.json holds with `written`, the files; `exit_code` is this command's."""
    from afinar.audit.writing import output_kind

    if output is not None:
        output_kind(output)  # a wrong name is told before the model is asked
    quieten()
    from afinar.audit.junit import write_junit
    from afinar.run import auditing

    with reporting(context) as reporter:
        report = auditing.audit(
            model,
            suite,
            baseline=baseline,
            strict=strict,
            categories=None if category is None else [name.strip() for name in category.split(",")],
            train_data=train_data,
            offline=context.offline,
            on_event=reporter,
        )
    written = [] if output is None else report.write(output)
    if junit is not None:
        written.append(write_junit(junit, report.summaries))
    found = {**report.as_dict(), "written": [str(path) for path in written]}
    show_audit(found, context)
    show_failures(list(report.lines()), context)
    for path in written:
        context.say(messages.text("audit.written", path=path))
    return found
