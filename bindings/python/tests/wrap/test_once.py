"""Which layer records what several see."""

from __future__ import annotations

from datetime import timedelta
from typing import Optional

from modelstat.capture import LlmCall
from modelstat.wrap.once import LIMIT, Claims


def answer(response_id: Optional[str], completion: Optional[str] = None) -> LlmCall:
    return LlmCall("openai", "s", model="m", completion=completion, response_id=response_id)


def test_the_first_layer_records_an_answer() -> None:
    claims = Claims()
    assert claims.claim_call("wrap", answer("a"))
    assert not claims.claim_call("langchain", answer("a"))
    assert not claims.claim_call("litellm", answer("a"))
    assert claims.claim_call("langchain", answer("b"))
    assert not claims.claim_call("wrap", answer("b"))


def test_ids_that_a_server_repeats_are_answers_of_their_own() -> None:
    claims = Claims()
    for _ in range(3):
        assert claims.claim_call("wrap", answer("chatcmpl-1", "yes"))
        assert not claims.claim_call("langchain", answer("chatcmpl-1", "yes"))


def test_a_layer_without_the_id_is_matched_by_content() -> None:
    claims = Claims()
    assert claims.claim_call("wrap", answer("a", "yes"))
    assert not claims.claim_call("langchain", answer(None, "yes"))
    assert claims.claim_call("langchain", answer(None, "no"))
    assert not claims.claim_call("wrap", answer("b", "no"))
    assert claims.claim_call("wrap", answer("c", "no"))


def test_answers_of_two_ids_are_two_though_they_say_the_same() -> None:
    claims = Claims()
    assert claims.claim_call("wrap", answer("a", "yes"))
    assert claims.claim_call("langchain", answer("b", "yes"))


def test_answers_at_other_times_are_two() -> None:
    claims = Claims()
    for response_id in ("a", None):
        early, late = answer(response_id, "yes"), answer(response_id, "yes")
        early.started_at -= timedelta(seconds=2)
        assert claims.claim_call("wrap", early)
        assert claims.claim_call("langchain", late)


def test_answers_of_which_nothing_is_known_are_recorded() -> None:
    claims = Claims()
    assert claims.claim_call("wrap", answer(None))
    assert claims.claim_call("langchain", answer(None))


def test_answers_are_forgotten_in_their_order() -> None:
    claims = Claims()
    for number in range(LIMIT + 1):
        claims.claim_call("wrap", answer(str(number)))
    assert not claims.claim_call("langchain", answer(str(LIMIT)))
    assert claims.claim_call("langchain", answer("0"))


def test_the_first_layer_records_a_failure() -> None:
    claims = Claims()

    class ProviderError(Exception):
        pass

    for error in (ProviderError(), ValueError()):
        assert claims.claim_error("wrap", error)
        assert not claims.claim_error("langchain", error)
        framework = RuntimeError()
        framework.__cause__ = error
        assert not claims.claim_error("litellm", framework)
    assert claims.claim_error("langchain", ProviderError())
