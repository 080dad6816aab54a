"""Rules of the interface that JSON Schema cannot say, for the requests that schemathesis takes to be valid."""

import json
from datetime import date, timedelta

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

schemathesis.openapi.format(
    "time-zone",
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Etc/GMT+5"]),
)

MAX_BODY_BYTES = 60 * 1024
RANGES = ("date", "from", "to", "period")
TIMESTAMPS = ("2000-01-01T00:00:00Z", "20251112T193001+0530", "2025-W46-3T19:30:01,5Z", "2025-11-12 19:30:01z")


@schemathesis.hook
def before_call(context, case, **kwargs):
    """Changes only requests that should be accepted."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if isinstance(case.query, dict) and case.path.startswith("/stats"):
        fix_query(case.path, case.query)
    if isinstance(case.body, dict) and case.method.upper() == "POST":
        events = case.body.get("events", [case.body])
        for index, event in enumerate(events):
            fix_event(event, index)
        # The document says in words how many bytes a body may have.
        while len(json.dumps(case.body)) > MAX_BODY_BYTES and events:
            events[-1].pop("properties", None)
            events[-1].pop("referrer", None)
            if len(events) > 1:
                events.pop()


def fix_query(path, query):
    choose_range(query)
    if path == "/stats/compare" and (set(query).isdisjoint(RANGES) or query.get("period") == "all"):
        query["period"] = "7d"
    # A series has at most 2,000 intervals.
    if query.get("interval") in ("hour", "day") and "date" not in query:
        del query["interval"]
    # The document cannot say what is a host.
    if "referrer_host" in query:
        query["referrer_host"] = "News.example."
    for name in ("site_id", "path", "path_prefix", "event_type", "search"):
        if name in query:
            query[name] = shorten(query[name])


def choose_range(query):
    """`date`, `from` with `to`, and `period` exclude each other, and a range has at most ten years."""
    if "date" in query:
        others = ("from", "to", "period")
    elif "from" in query and "to" in query:
        others = ("period",)
        first = min(date.fromisoformat(query["from"]), date(9000, 1, 1))
        query["from"] = first.isoformat()
        query["to"] = (first + timedelta(days=len(query["to"]) * 300)).isoformat()
    else:
        others = ("from", "to")
    for name in others:
        query.pop(name, None)


def fix_event(event, index):
    # The spelling, the calendar and the server's clock decide about a timestamp.
    event["timestamp"] = TIMESTAMPS[index % len(TIMESTAMPS)]
    for name in ("site_id", "event_type", "path", "user_id", "event_id"):
        if isinstance(event.get(name), str):
            event[name] = shorten(event[name])


def shorten(text):
    """JSON Schema counts code points. The services count UTF-16 code units, of which one has up to two."""
    characters = text if isinstance(text, str) else str(text)
    return characters if characters.isascii() else characters[: max(1, len(characters) // 2)]
