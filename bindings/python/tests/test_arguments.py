"""Digests of tool arguments, as the published packages 0.0.1 and 0.1.0 make them."""

from __future__ import annotations

from typing import Any, List, Tuple

import modelstat
import pytest
from modelstat import Config, FakeTransport, LlmCall, ToolCallInput, ToolCallStatus

NONE = "none"
# Arguments; `args_hash`, `signature_hash` and `args_bytes` that both published packages give.
PUBLISHED: List[Tuple[Any, str, str, int]] = [
    (
        None,
        "",
        NONE,
        0,
    ),
    (
        {},
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        2,
    ),
    (
        [],
        "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
        NONE,
        2,
    ),
    (
        "",
        "12ae32cb1ec02d01eda3581b127c1fee3b0dc53572ed6baf239721a03d82e126",
        NONE,
        2,
    ),
    (
        0,
        "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
        NONE,
        1,
    ),
    (
        True,
        "b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b",
        NONE,
        4,
    ),
    (
        {"a": None},
        "d091f9c83c091f79652fe8786375b3fe4ce0861a56f5bfbafedbe431877ff0e8",
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        10,
    ),
    (
        {"command": "ls -la /home"},
        "34c4c45c82bc06a4198eb6841a4de93510dc61a7277807407b80ab4f3ca8642d",
        "5d347fd948b66308f502c3f65c8f7e12ff1c5cf8c760bcdfb188ae1ec7b8b618",
        26,
    ),
    (
        {"b": 1, "a": 2},
        "a1d46c3cdb4e5795c8d637f80daeb578ebb1a9a65dc1ed5f11f51794c3c89f3a",
        "1eb7c54d52831bbfe8942af0b1c56b7409523a59ed6ca99c1174fef7eb32c1b5",
        13,
    ),
    (
        {"a": 2, "b": 1},
        "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772",
        "1eb7c54d52831bbfe8942af0b1c56b7409523a59ed6ca99c1174fef7eb32c1b5",
        13,
    ),
    (
        {"city": "Zürich", "emoji": "🙂", "zero": "\x00\x1f\x7f\u2028"},
        "493404de28f8a03c4fdd8c89c4d36bb127d9a8ffe0d72df0d8d1a44275f3bbd1",
        "c208ca5738113c37be604b4ddf723f76e42a7da767263cbc159ac6e20c2d59df",
        79,
    ),
    (
        {"quote": "say \"hi\" \\ / <b>", "line": "a\nb\tc"},
        "49e2ecccd1188a4b3dbc6645442e0ef723893c2e8d9557a6876710065c7bb546",
        "10467167f71667a5d16b6faed1793e912efb6af68bdb02ca8b6f0021eb1220de",
        48,
    ),
    (
        {"float": 0.1, "whole": 1.0, "big": 1e22, "tiny": 5e-324, "minus": -0.0},
        "bc4a1ae84fdf4bfe202956741b85d52bd8119e6d35760884efb5fe57c99a1394",
        "67daf27a08fa5c01109fff2e70310878593b3c70ef1da0392fb4f1b5e017364e",
        64,
    ),
    (
        {"int": 12345678901234567890123, "neg": -7},
        "10e017da1435b44c06976b646b068dd297352eb308a57b940de34e4a6b6f3ee3",
        "d65f07fc4400c69dc2e8c23396c37880695dc543b4a0371aa3425246a7597f77",
        40,
    ),
    (
        {"nan": float("nan"), "inf": [float("inf"), float("-inf")]},
        "e6330d461875abfc689be2db0f516b12658acfe9cbbc889eab111dcfb17a3149",
        "f99eb5ee6de1fc41c89332efea6cd69165b86f1773a085cb71021233eb65e4e4",
        38,
    ),
    (
        {"nested": {"z": [1, [2, {"y": False}]], "a": {}}, "tuple": (1, "b")},
        "3d4a16e7b40fc8102af10d6b16e79b9cf0bec9e2618e990f19b695d662934814",
        "f2bdae058c4649654901907a01ef284f6b87b203978485c0439a5aa16a22da03",
        59,
    ),
    (
        ["a", {"b": 1}],
        "3d6f51e1fd2489c7f062f0347a710fa6a5f238bdd8c8bf55741236400da86492",
        NONE,
        13,
    ),
    (
        "plain text",
        "86696ae0a7dd4789bb5a8256f0a58a13243fe65bafb37c44f3c73e2228fd78b7",
        NONE,
        12,
    ),
    (
        {"ключ": 1, "Key": 2, "key": 3, "_": 4},
        "57841b7636ef4d977402bc921286a0d83fa20a7cdff9c2d26e273f73f7f522c9",
        "545fc27b29b9a8b10fedd96c57ee15cbd6704332f655cee4b43a140f7014cb93",
        52,
    ),
    (
        {"x" * 3: "y" * 5000},
        "c85638ac33ff3f20f0097e7b52741890bc6f25f4bdf95fa2e16fdfb03dbe9486",
        "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860",
        5010,
    ),
]


def digests(*args: Any) -> List[Tuple[str, str, int]]:
    """Returns what is sent of tools that were called with these arguments."""
    transport = FakeTransport()
    with modelstat.Client.with_transport(Config("k", "a", "app"), transport) as ms:
        call = LlmCall("openai", "s")
        call.tool_calls += [ToolCallInput("t", ToolCallStatus.SUCCESS, args=given) for given in args]
        ms.record(call)
    (batch,) = transport.batches()
    return [(tool["args_hash"], tool["signature_hash"], tool["args_bytes"]) for tool in batch["tool_calls"]]


@pytest.mark.parametrize(("args", "args_hash", "signature_hash", "args_bytes"), PUBLISHED)
def test_digests_are_as_published(args: Any, args_hash: str, signature_hash: str, args_bytes: int) -> None:
    assert digests(args) == [(args_hash, signature_hash, args_bytes)]


def test_the_batch_of_a_program_has_the_same() -> None:
    args = {"command": "ls -la /home"}
    call = LlmCall("openai", "s", tool_calls=[ToolCallInput("t", ToolCallStatus.SUCCESS, args=args)])
    built, _ = modelstat.build_batch(Config("k", "a", "app"), [call], 0)
    (tool,) = built.tool_calls
    assert (tool.args_hash, tool.signature_hash, tool.args_bytes) == digests(args)[0]


def test_what_the_published_packages_refuse_has_a_digest_too() -> None:
    """There, a key that is no text or a value that is no JSON raises on the worker and ends it."""
    found = digests({1: 2, "a": 3}, {"a": {1}}, {"a": object()}, b"bytes", {("a",): 1})
    assert all(len(args_hash) == 64 and args_bytes > 0 for args_hash, _, args_bytes in found)


def test_arguments_themselves_stay_here() -> None:
    transport = FakeTransport()
    with modelstat.Client.with_transport(Config("k", "a", "app"), transport) as ms:
        tool = ToolCallInput("t", ToolCallStatus.SUCCESS, args={"needle": "haystack"})
        ms.record(LlmCall("openai", "s", tool_calls=[tool]))
    assert "needle" not in str(transport.batches()) and "haystack" not in str(transport.batches())
