//! Tools that run within a call or beside it.

use modelstat::ToolCallStatus;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::recorded;

/// The fields that `genai` 0.7 declares for a tool.
fn tool(name: &'static str, arguments: &str) -> Span {
    let span = info_span!(
        "genai.execute_tool",
        "otel.status_code" = Empty,
        "error.type" = Empty,
        "gen_ai.operation.name" = "execute_tool",
        "gen_ai.tool.name" = name,
        "gen_ai.tool.call.id" = "call_1",
        "gen_ai.tool.call.arguments" = Empty,
        "gen_ai.tool.call.result" = Empty,
    );
    span.record("gen_ai.tool.call.arguments", arguments);
    span
}

fn call() -> Span {
    info_span!("chat", gen_ai.operation.name = "chat", gen_ai.request.model = "gpt-x")
}

#[test]
fn a_tool_within_a_call_is_the_calls() {
    let recorded = recorded(|| {
        call().in_scope(|| {
            let search = tool("search", r#"{"query": "an apartment in Lisbon"}"#);
            search.record("gen_ai.tool.call.result", "twelve bytes");
            drop(search);
            let read = info_span!("step").in_scope(|| tool("read", "not json"));
            read.record("error.type", "timeout");
        });
    });
    let event = recorded.only_event();
    let [search, read] = &recorded.tool_calls[..] else { panic!("two tools") };
    assert_eq!((search.name.as_str(), search.status), ("search", ToolCallStatus::Success));
    assert_eq!((search.result_bytes, search.args_bytes), (12, 34));
    assert_eq!(search.source_event_id, event.source_event_id);
    assert_eq!((read.name.as_str(), read.status), ("read", ToolCallStatus::Timeout));
    let sent = format!("{event:?}{search:?}{read:?}");
    assert!(!sent.contains("Lisbon") && !sent.contains("twelve") && !sent.contains("not json"));
}

#[test]
fn a_tool_beside_calls_goes_with_the_next() {
    let recorded = recorded(|| {
        let agent = info_span!("agent", gen_ai.operation.name = "invoke_agent");
        agent.in_scope(|| {
            drop(call());
            info_span!("loop").in_scope(|| drop(tool("search", "{}")));
            drop(call());
        });
    });
    assert_eq!((recorded.events.len(), recorded.tool_calls.len()), (2, 1));
    assert_eq!(recorded.tool_calls[0].source_event_id, recorded.events[1].source_event_id);
}

#[test]
fn a_tool_without_a_call_ends_with_the_span_around_it() {
    let recorded = recorded(|| {
        info_span!("request").in_scope(|| drop(tool("search", "{}")));
        drop(tool("alone", "{}"));
        info_span!("request").in_scope(|| drop(call()));
    });
    assert_eq!((recorded.events.len(), recorded.tool_calls.len()), (1, 0));
}

#[test]
fn a_tool_of_an_mcp_server_names_it() {
    let recorded = recorded(|| {
        call().in_scope(|| {
            drop(info_span!(
                "tools/call",
                gen_ai.operation.name = "execute_tool",
                gen_ai.tool.name = "search",
                mcp.method.name = "tools/call",
                server.address = "files.internal",
            ));
        });
    });
    assert_eq!(recorded.tool_calls[0].server, "mcp:files.internal");
}
