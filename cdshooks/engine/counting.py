"""From which day on a new document would count, and by when it is needed.

Windows are anchored on `as_of`, the day of the request. A document that is to count at the infusion as well is
held against the service date too; the later of the two first days serves both.
"""

from __future__ import annotations

from datetime import date

from cdshooks.engine.dates import Window
from cdshooks.engine.evidence import Context
from cdshooks.engine.model import CountingDates


def counting_dates(window: Window | None, context: Context) -> CountingDates | None:
    """The first days that count on `as_of` and on the service date; None where there is no window."""
    if window is None:
        return None
    return CountingDates(window.first_day(context.as_of), window.first_day(context.service_date))


def infusion_day(context: Context) -> date | None:
    """The service date, where the order gives one that is not past."""
    known = context.order.service_date_source is not None and context.service_date >= context.as_of
    return context.service_date if known else None
