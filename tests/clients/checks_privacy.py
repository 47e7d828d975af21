"""What must not be readable anywhere, and what takes its place."""

from __future__ import annotations

from typing import Any

from outcome import Checks, wait_for
from plan import CANARIES, EMAIL, HOME_PATH, SECRET, Run
from product import Product, Reader

# A segment closes after a minute without a new call; the pipeline then looks every few seconds.
SEGMENT_DEADLINE_S = 120
MAX_ABSTRACT_CHARS = 512
MAX_TITLE_CHARS = 80
# Requests of the daemon that are looked at; the checks cause fewer.
MOST_REQUESTS = "1000"


def check_abstracts(checks: Checks, reader: Reader, runs: list[Run]) -> None:
    """Sessions that went through the daemon, or came as whole turns, get an abstract by the template."""
    for run in runs:
        if run.mode not in ("daemon", "raw"):
            continue
        for session in run.sessions:
            detail = _wait_for_segments(reader, session, run.app)
            _check_segments(checks, f"{session}: its segments", detail)


def check_raw_turns_are_told(checks: Checks, reader: Reader) -> None:
    """Whole turns that came to `/v1/ingest/raw` are gone once their abstracts are made."""

    def look() -> dict[str, Any] | None:
        privacy = reader.get("/v1/privacy")
        return privacy if privacy["text"]["no_abstract"] == 0 else None

    privacy = wait_for("every whole turn is told", SEGMENT_DEADLINE_S, look)
    checks.equal("raw: turns that still wait", privacy["waiting_text"]["turns"], 0)


def _wait_for_segments(reader: Reader, session: str, app: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        detail = reader.session(session, app)
        covered = [i for segment in detail["segments"] for i in segment["source_event_ids"]]
        return detail if len(covered) >= len(detail["events"]) else None

    return wait_for(f"{session} has its abstract", SEGMENT_DEADLINE_S, look)


def _check_segments(checks: Checks, name: str, detail: dict[str, Any]) -> None:
    problems = []
    for segment in detail["segments"]:
        abstract, title = segment["abstract"] or "", segment["title"] or ""
        if segment["engine"] != "template" or not segment["engine_version"]:
            problems.append(f"the engine is {segment['engine']} {segment['engine_version']}")
        if not 0 < len(abstract) <= MAX_ABSTRACT_CHARS:
            problems.append(f"an abstract of {len(abstract)} characters")
        if not 0 < len(title) <= MAX_TITLE_CHARS:
            problems.append(f"a title of {len(title)} characters")
    covered = sorted(i for segment in detail["segments"] for i in segment["source_event_ids"])
    if covered != sorted(event["source_event_id"] for event in detail["events"]):
        problems.append("the segments do not hold each event once")
    newest = detail["segments"][-1]
    if detail["session"]["abstract"] != newest["abstract"]:
        problems.append("the session does not show the newest abstract")
    if not detail["session"]["title"]:
        problems.append("the session has no title")
    checks.no_differences(name, problems)


def check_nothing_raw_is_shown(checks: Checks, product: Product, runs: list[Run]) -> None:
    """Looks through every answer that any check got, what the daemon sent, and the log."""
    sent = product.output("egress", "--limit", MOST_REQUESTS)
    sessions = [session for run in runs if run.mode == "daemon" for session in run.sessions]
    missing = [session for session in sessions if session not in sent]
    checks.no_differences("the egress ledger shows what the daemon sent", missing)
    everything = "\n".join([*product.answers, product.log()])
    hidden = {
        "the planted key": SECRET,
        "the planted address": EMAIL,
        "the home directory": HOME_PATH,
        "the sentence that went through the daemon": CANARIES["daemon"],
        "the sentence that was sent raw": CANARIES["raw"],
    }
    for name, text in hidden.items():
        label = f"no answer, request or log line shows {name}"
        checks.holds(label, text not in everything, "one of them shows it")
    seen = CANARIES["remote"] in everything
    checks.holds("the search finds what may be shown: a remote excerpt", seen, "it finds nothing")
