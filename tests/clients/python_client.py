"""A program on the published Python package: reads a plan on standard input, records its calls,
flushes, and reports on standard output what the client says of itself.

Runs inside the virtual environment of one published version; it uses what that version has.
"""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import datetime
from typing import Any

import modelstat
from modelstat import Client, Config, EventKind, GitContext, LlmCall, RedactionPolicy
from modelstat import TokenUsage, ToolCallInput, ToolCallStatus


def main() -> None:
    plan = json.load(sys.stdin)
    client = Client(config(plan["config"]))
    for call in plan["calls"]:
        with ambient(call.get("ambient")):
            client.record(build_call(call))
    if "wrap" in plan:
        call_wrapped(client, plan["wrap"])
    client.flush()
    report = {"dropped": client.dropped(), "flushed": True, "version": modelstat.__version__}
    print(json.dumps(report), flush=True)
    client.shutdown()


def config(plan: dict[str, Any]) -> Config:
    words = [plan["ingest_key"], plan["agent"]]
    if plan.get("app"):
        words.append(plan["app"])
    built = Config(*words)
    if plan.get("metadata"):
        built.metadata = plan["metadata"]
    if plan.get("base_url"):
        built.with_remote(plan["base_url"], raw=plan["raw"])
    if plan.get("redaction") == "none":
        built.redaction = RedactionPolicy.NONE
    return built


def ambient(tags: dict[str, str] | None) -> contextlib.AbstractContextManager[Any]:
    return modelstat.metadata(tags) if tags else contextlib.nullcontext()


def build_call(plan: dict[str, Any]) -> LlmCall:
    call = LlmCall(plan["provider"], plan["session_id"])
    call.model = plan["model"]
    call.kind = EventKind(plan["kind"])
    call.tokens = TokenUsage(**plan["tokens"])
    call.started_at = time(plan["started_at"])
    call.duration_ms = plan["duration_ms"]
    call.prompt = plan["prompt"]
    call.completion = plan["completion"]
    call.cwd = plan["cwd"]
    call.git = GitContext(**plan["git"]) if plan["git"] else None
    call.tool_calls = [tool_call(tool) for tool in plan["tool_calls"]]
    if plan.get("first_token_at"):
        call.first_token_at = time(plan["first_token_at"])
    if plan.get("metadata"):
        call.with_metadata(plan["metadata"])
    return call


def tool_call(plan: dict[str, Any]) -> ToolCallInput:
    return ToolCallInput(
        name=plan["name"],
        status=ToolCallStatus(plan["status"]),
        server=plan["server"],
        args=plan["args"],
        result_bytes=plan["result_bytes"],
        started_at=time(plan["started_at"]),
        ended_at=time(plan["ended_at"]) if plan["ended_at"] else None,
        command_families=plan["command_families"],
    )


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def call_wrapped(recorder: Client, plan: dict[str, Any]) -> None:
    """Makes the same calls through wrapped provider clients that any program would."""
    from anthropic import Anthropic
    from openai import OpenAI

    message = [{"role": "user", "content": plan["prompt"]}]
    openai = modelstat.wrap(
        OpenAI(api_key=plan["provider_key"], base_url=plan["provider_url"] + "/v1"),
        recorder=recorder,
        metadata=plan["metadata"],
        session_id=plan["openai_session"],
    )
    anthropic = modelstat.wrap(
        Anthropic(api_key=plan["provider_key"], base_url=plan["provider_url"]),
        recorder=recorder,
        metadata=plan["metadata"],
        session_id=lambda: plan["anthropic_session"],
    )
    for _ in range(plan["times"]):
        with modelstat.metadata(plan["ambient"]):
            answer = openai.chat.completions.create(model="gpt-4o", messages=message)
            assert answer.choices[0].message.content, "wrap() passes the answer on"
            reply = anthropic.messages.create(
                model="claude-sonnet-4-5", max_tokens=64, messages=message
            )
            assert reply.content[0].text, "wrap() passes the answer on"


if __name__ == "__main__":
    main()
