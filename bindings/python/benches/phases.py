"""What is measured of one package in a process of its own; prints the figures as JSON.

The same program runs with our package and with the published one, whose surface is the same:
`phases.py PHASE '{"name": "value"}'`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

SMALL, LARGE = 1_024, 100 * 1_024
# Calls that share a pair of clock readings.
GROUP = 32
# Calls back to back, by size. Few large ones, since the published package redacts forty in a second.
BURSTS = {SMALL: 2_000, LARGE: 64}
PACED = {SMALL: 1_000, LARGE: 100}
PAUSE_S = 0.0005
REFUSED_CALLS = 500
# How long a stalled worker is given to take what it takes.
SETTLING_S = 0.3
MAX_SETTLINGS = 50
# The shortest processor time of a worker that counts.
MIN_STRETCH_S = 0.3
STARVING_S = 6.0
STARVING_PROMPTS = 16
# Takes a core as a worker does, without the lock of this interpreter.
BURNER = f"import time; ends = time.monotonic() + {STARVING_S + 1}\nwhile time.monotonic() < ends: pass"
STALLED_S = 10.0
STALLED_PAUSE_S = 0.001

PHRASES = (
    "Please look at the function below and tell me why the second test fails. ",
    "The service answers slowly when many people ask for the same report. ",
    "total = sum(item.count for item in items if item.count > 0)\n",
    "We moved the cache in front of the database, and the figures improved. ",
    "Explain the difference between the two approaches in a few sentences. ",
    "It worked last week; since then only the build has changed.\n",
)
# How much of a call's text is the answer.
ANSWER_SHARE = 5

clock = time.perf_counter_ns
Figures = dict[str, Any]


def text(length: int, number: int) -> str:
    """Made-up prose, another string for each number: nothing that a floor would hide."""
    phrases = PHRASES[number % len(PHRASES) :] + PHRASES[: number % len(PHRASES)]
    line = "".join(phrases)
    return (line * (length // len(line) + 1))[:length]


def texts(length: int, number: int) -> tuple[str, str]:
    answer = length // ANSWER_SHARE
    return text(length - answer, number), text(answer, number + 1)


def quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def each(items: list[Any], work: Callable[[Any], object]) -> list[int]:
    """Times every item by itself."""
    took = []
    for item in items:
        began = clock()
        work(item)
        took.append(clock() - began)
    return took


def grouped(items: list[Any], work: Callable[[Any], object]) -> list[float]:
    """Times groups of items; per item."""
    took = []
    for start in range(0, len(items), GROUP):
        group = items[start : start + GROUP]
        began = clock()
        for item in group:
            work(item)
        took.append((clock() - began) / len(group))
    return took


def paced(items: list[Any], work: Callable[[Any], object]) -> list[int]:
    """Times every item, with a pause before each."""
    took = []
    for item in items:
        time.sleep(PAUSE_S)
        began = clock()
        work(item)
        took.append(clock() - began)
    return took


def clock_ns() -> float:
    """What two readings of the clock take with nothing between them."""
    took = []
    for _ in range(20_000):
        began = clock()
        took.append(clock() - began)
    return quantile(took, 0.5)


def figures(groups: list[float], singles: list[int]) -> Figures:
    own = clock_ns()
    return {
        "grouped": quantile(groups, 0.5) - own / GROUP,
        "median": quantile(singles, 0.5) - own,
        "late": quantile(singles, 0.99) - own,
    }


class Null:
    """A transport that forgets."""

    def send(self, batch: Figures) -> None:
        return


class Stalled:
    """A transport that never answers."""

    def send(self, batch: Figures) -> None:
        threading.Event().wait()


def config(**settings: Any) -> Any:
    from modelstat import Config

    return Config("bench-key", "raw_sdk_openai", "bench", **settings)


def client(transport: object) -> Any:
    from modelstat import Client

    return Client.with_transport(config(), transport)


def call(length: int, number: int) -> Any:
    from modelstat import LlmCall, TokenUsage

    prompt, completion = texts(length, number)
    tokens = TokenUsage(input=800, output=120)
    return LlmCall("openai", "conversation-17", model="gpt-4o", tokens=tokens).text(prompt, completion)


def calls(length: int, count: int) -> list[Any]:
    return [call(length, number) for number in range(count)]


def caller(_: Figures) -> Figures:
    """What recording costs the thread that does it."""
    idle = client(Null())
    idle.record(call(SMALL, 0))
    idle.flush()
    found = {}
    for size, name in ((SMALL, "1 KB"), (LARGE, "100 KB")):
        count = BURSTS[size]
        singles = each(calls(size, count), idle.record)
        idle.flush()
        groups = grouped(calls(size, count), idle.record)
        idle.flush()
        found[f"record, {name}"] = figures(groups, singles)
    for size, name in ((SMALL, "1 KB"), (LARGE, "100 KB")):
        took = paced(calls(size, PACED[size]), idle.record)
        idle.flush()
        found[f"record, {name}, one in 0.5 ms"] = {
            "median": quantile(took, 0.5),
            "late": quantile(took, 0.99),
        }
    for size, name in ((SMALL, "1 KB"), (LARGE, "100 KB")):
        found[f"building a call, {name}"] = building(size)
    for size, name in ((SMALL, "1 KB"), (LARGE, "100 KB")):
        found[f"record without room, {name}"] = refused(size)
    return found


def building(size: int) -> Figures:
    from modelstat import LlmCall, TokenUsage

    prompt, completion = texts(size, 0)

    def build(_: None) -> object:
        tokens = TokenUsage(input=800, output=120)
        return LlmCall("openai", "conversation-17", model="gpt-4o", tokens=tokens).text(prompt, completion)

    nothing = [None] * BURSTS[SMALL]
    return figures(grouped(nothing, build), each(nothing, build))


def refused(size: int) -> Figures:
    full = client(Stalled())
    one = call(size, 0)
    for _ in range(MAX_SETTLINGS):
        before = full.dropped()
        full.record(one)
        if full.dropped() > before:
            break
        while full.dropped() == before:
            full.record(one)
        # The worker makes room yet: it takes calls for the batches that wait to be sent.
        time.sleep(SETTLING_S)
    made = calls(size, REFUSED_CALLS if size == SMALL else BURSTS[LARGE])
    return figures(grouped(made, full.record), each(made, full.record))


def yardsticks(_: Figures) -> Figures:
    """What the loop, and the clock after a pause, cost by themselves."""
    nothing = [None] * BURSTS[SMALL]
    took = paced(nothing[: PACED[SMALL]], lambda _: None)
    return {
        "a function that does nothing": figures(grouped(nothing, bool), each(nothing, bool)),
        "a function that does nothing, one in 0.5 ms": {
            "median": quantile(took, 0.5),
            "late": quantile(took, 0.99),
        },
    }


def opentelemetry(_: Figures) -> Figures:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Forget(SpanExporter):
        def export(self, spans: Any) -> Any:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Forget()))
    tracer = provider.get_tracer("bench")
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.conversation.id": "conversation-17",
        "gen_ai.usage.input_tokens": 800,
        "gen_ai.usage.output_tokens": 120,
    }

    def span(_: None) -> None:
        made = tracer.start_span("chat gpt-4o")
        for name, value in attributes.items():
            made.set_attribute(name, value)
        made.end()

    return {"OpenTelemetry, a span with 7 attributes, no text": other(span, provider.force_flush)}


def langfuse(asked: Figures) -> Figures:
    from langfuse import Langfuse

    made = Langfuse(public_key="bench", secret_key="bench", base_url=asked["url"])
    prompt, completion = texts(SMALL, 0)

    def generation(_: None) -> None:
        started = made.start_observation(
            name="chat", as_type="generation", model="gpt-4o", input=prompt
        )
        started.update(output=completion, usage_details={"input": 800, "output": 120})
        started.end()

    return {"Langfuse, a generation, 1 KB": other(generation, made.flush)}


def posthog(asked: Figures) -> Figures:
    from posthog import Posthog

    made = Posthog("bench", host=asked["url"])
    prompt, completion = texts(SMALL, 0)

    def capture(_: None) -> None:
        properties = {
            "$ai_provider": "openai",
            "$ai_model": "gpt-4o",
            "$ai_trace_id": "conversation-17",
            "$ai_input": [{"role": "user", "content": prompt}],
            "$ai_output_choices": [{"role": "assistant", "content": completion}],
            "$ai_input_tokens": 800,
            "$ai_output_tokens": 120,
        }
        made.capture("$ai_generation", distinct_id="bench", properties=properties)

    return {"PostHog, capture of a generation, 1 KB": other(capture, made.flush)}


def other(work: Callable[[Any], object], drain: Callable[[], object]) -> Figures:
    nothing = [None] * 500
    work(None)
    drain()
    singles = each(nothing, work)
    drain()
    groups = grouped(nothing, work)
    drain()
    return figures(groups, singles)


def starving(asked: Figures) -> Figures:
    """How long another thread's sleep of 0.5 ms takes while prompts of 100 KB are redacted."""
    from modelstat import Client, Mode

    recorder = Client(config(mode=Mode.local_daemon(asked["url"]))) if asked["url"] else None
    is_over = threading.Event()
    redacted = 0

    def feed() -> None:
        nonlocal redacted
        made = calls(LARGE, STARVING_PROMPTS)
        while recorder and not is_over.is_set():
            for one in made:
                recorder.record(one)
            recorder.flush()
            redacted += len(made)

    if asked["is_core_taken"]:
        # It ends by itself, whatever becomes of this process.
        subprocess.Popen([sys.executable, "-c", BURNER])
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    time.sleep(SETTLING_S)
    took = []
    before, began = redacted, time.monotonic()
    while time.monotonic() - began < STARVING_S:
        slept = clock()
        time.sleep(PAUSE_S)
        took.append((clock() - slept) / 1e6)
    rate = (redacted - before) / (time.monotonic() - began)
    is_over.set()
    return {"median": quantile(took, 0.5), "late": quantile(took, 0.99), "max": max(took), "rate": rate}


def worker(asked: Figures) -> Figures:
    """Events per second of processor time of all threads but this one, which records and waits."""
    from modelstat import Client, Mode

    found = {}
    for size, name in ((SMALL, "1 KB"), (LARGE, "100 KB")):
        if asked["url"]:
            busy = Client(config(mode=Mode.local_daemon(asked["url"])))
        else:
            busy = client(Null())
        spent, events = 0.0, 0
        while spent < MIN_STRETCH_S:
            made = calls(size, BURSTS[size])
            began = time.process_time() - time.thread_time()
            for one in made:
                busy.record(one)
            busy.flush()
            spent += time.process_time() - time.thread_time() - began
            events += len(made)
        if busy.dropped():
            raise RuntimeError("the calls were meant to find room")
        found[name] = events / spent
    return found


def memory(asked: Figures) -> Figures:
    """Growth of the peak resident set while prompts of 100 KB are recorded for a stalled receiver."""
    from modelstat import Client, Mode

    stuck = Client(config(mode=Mode.local_daemon(asked["url"])))
    stuck.record(call(LARGE, 0))
    time.sleep(SETTLING_S)
    before, recorded = status_kib("VmRSS"), 0
    ends = time.monotonic() + STALLED_S
    while time.monotonic() < ends:
        recorded += 1
        stuck.record(call(LARGE, recorded))
        time.sleep(STALLED_PAUSE_S)
    growth = status_kib("VmHWM") - before
    return {"growth": growth / 1_024, "recorded": recorded, "dropped": stuck.dropped()}


def status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


PHASES = (caller, yardsticks, opentelemetry, langfuse, posthog, starving, worker, memory)

if __name__ == "__main__":
    phase = next(phase for phase in PHASES if phase.__name__ == sys.argv[1])
    print(json.dumps(phase(json.loads(sys.argv[2]))), flush=True)
    # Without waiting for workers whose receiver never answers.
    os._exit(0)
