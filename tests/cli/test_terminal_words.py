from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.client.sse import SentEvent, SseReader
from oneliner.domain.event import EventType
from oneliner.terminal.bill import cost_of, last_line
from oneliner.terminal.durations import parse_duration, spoken
from oneliner.terminal.event_words import Line, line_for
from oneliner.terminal.forms import Field, fields_of, read, read_json
from oneliner.terminal.plain_text import fit, one_line
from oneliner.terminal.plan_text import from_text, to_text
from oneliner.terminal.transcript import TextEnded, TextGrew, Transcript

STREAM = 'retry: 1000\n\n: beat\nid: 1\ndata: {"a":"早"}\n\ndata: one\r\ndata: two\r\n\r\nevent: x\nid: 3\ndata:3\r\r'.encode()


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_reads_the_same_however_its_bytes_are_cut(cuts: list[int]) -> None:
    reader = SseReader()
    edges = [0, *sorted(cuts), len(STREAM)]

    found = [event for a, b in pairwise(edges) for event in reader.feed(STREAM[a:b])]
    found += reader.feed(b"\n")

    assert found == [SentEvent("1", '{"a":"早"}'), SentEvent("", "one\ntwo"), SentEvent("3", "3")]
    assert reader.retry_ms == 1000


def test_an_event_without_end_is_refused() -> None:
    reader = SseReader()
    endless = b"data: " + b"x" * 34_000_000
    with pytest.raises(ValueError, match="larger than"):
        reader.feed(endless)


def delta(offset: int, text: str, message_id: str = "m1") -> dict[str, Any]:
    return {"type": "message.delta", "message_id": message_id, "offset": offset, "text": text}


def snapshot(text: str) -> dict[str, Any]:
    return {"type": "message.snapshot", "message_id": "m1", "text": text}


def event(kind: str, **details: object) -> dict[str, Any]:
    return {"type": kind, "seq": 1, "details": details}


def completed(text: str, **more: object) -> dict[str, Any]:
    return event(EventType.MESSAGE_COMPLETED, message_id="m1", text=text, purpose="answer", **more)


def shown_text(transcript: Transcript, *frames: dict[str, Any]) -> str:
    shown = [item for frame in frames for item in transcript.take(frame)]
    return "".join(item.new for item in shown if isinstance(item, (TextGrew, TextEnded)))


def test_pieces_of_text_that_are_doubled_overlap_or_are_missing_still_make_the_message() -> None:
    whole = "The quick brown fox."
    frames = (delta(0, "The "), delta(0, "The "), delta(2, "e qui"), delta(15, "fox."), snapshot("The quick br"))

    assert shown_text(Transcript(), *frames, completed(whole)) == whole


def test_a_reader_who_saw_nothing_of_a_message_gets_all_of_it() -> None:
    assert shown_text(Transcript(), completed("All of it.")) == "All of it."


def test_an_answer_that_is_not_what_was_shown_is_shown_whole() -> None:
    transcript = Transcript()
    transcript.take(delta(0, "First try"))

    assert transcript.take(completed("Second try")) == [TextEnded("Second try", "Second try", is_other=True)]


def test_a_long_answer_whose_event_holds_only_its_beginning_is_shown_as_far_as_it_was_seen() -> None:
    transcript = Transcript()
    transcript.take(delta(0, "a long answer"))

    assert transcript.take(completed("a long", text_truncated=True)) == [TextEnded("", "a long answer")]


def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    transcript = Transcript()
    transcript.take(delta(0, "Half an ans"))

    ended, line = transcript.take(event(EventType.MESSAGE_RETRYING, attempt=1, error="cut", after_seconds=0.5))

    assert ended == TextEnded("", "Half an ans", is_complete=False)
    assert line == Line("the model did not answer (cut); attempt 2 in 0.5 s", "warning")
    assert shown_text(transcript, delta(0, "A whole answer", "m2")) == "A whole answer"


def test_what_is_said_while_a_plan_is_drafted_is_no_answer() -> None:
    transcript = Transcript()
    transcript.take(event(EventType.RUN_CREATED, run_status="drafting"))

    assert (
        shown_text(transcript, delta(0, "thinking"), event(EventType.MESSAGE_COMPLETED, text="x", purpose="plan")) == ""
    )


def test_a_step_is_called_by_its_title() -> None:
    transcript = Transcript()
    transcript.take(event(EventType.RUN_PLANNED, plan={"steps": [{"id": "s1", "title": "Read"}]}))

    assert transcript.take(event(EventType.STEP_COMPLETED, step_id="s1", note="", done=1, total=2)) == [
        Line("step done: Read (1/2)", "good")
    ]


@pytest.mark.parametrize("kind", [*EventType, "run.invented_later"])
def test_every_event_can_be_shown_even_without_its_details(kind: str) -> None:
    Transcript().take(event(kind))
    assert line_for("run.invented_later", {}, {}) is None


def test_nothing_that_is_shown_can_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2Jred\x9b31m\u202etxt\r\nnext\tcell"

    assert fit(evil) == "]0;owned[2Jred31mtxt\nnext\tcell"
    assert one_line(evil) == "]0;owned[2Jred31mtxt next cell"
    assert "\x1b" not in shown_text(Transcript(), delta(0, evil), completed(evil))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("1d12h", 129_600), ("30D", 2_592_000)],
)
def test_a_length_of_time_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "12x", "-1h", "1.5h", "12 h", "¹2"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        parse_duration(text)


def test_times_are_told_in_a_few_words() -> None:
    assert [spoken(s) for s in (0.04, 9.94, 12.4, 60, 185, 7_800)] == [
        "0.0 s",
        "9.9 s",
        "12 s",
        "1 min",
        "3 min 5 s",
        "2 h 10 min",
    ]


def test_a_cost_says_what_is_not_known_about_it() -> None:
    assert cost_of({"cost": "0.000123"}) == "cost $0.000123"
    assert cost_of({"cost": "0.1", "unpriced_messages": 1, "estimated": True}) == "cost at least $0.1 (estimated)"
    assert cost_of({"cost": None, "unpriced_messages": 1}) == "cost unknown (no price for the model)"
    run = {"run_status": "done", "usage": {"input_tokens": 1200, "output_tokens": 3, "cost": "0.000001"}}
    assert last_line(run, 3.21) == "done in 3.2 s · 1,200 tokens in, 3 out · cost $0.000001"


PLAN = {"rev": 1, "goal": "Follow up", "steps": [{"id": "s1", "title": "Read"}, {"id": "s2", "title": "Write"}]}


def test_a_plan_that_was_not_changed_in_the_editor_comes_back_as_it_was() -> None:
    assert from_text(to_text(PLAN)) == {"goal": "Follow up", "steps": PLAN["steps"]}


def test_steps_are_added_moved_reworded_and_removed_in_the_editor() -> None:
    assert from_text("# a comment\n[s2] Write well\n\n  Send it \n[s1]\n") == {
        "steps": [{"id": "s2", "title": "Write well"}, {"title": "Send it"}]
    }


def test_an_emptied_file_changes_nothing() -> None:
    assert from_text("# only a comment\n") is None


def test_a_simple_schema_becomes_fields_and_any_other_is_asked_for_as_json() -> None:
    properties = {"n": {"type": "integer", "title": "How many"}, "c": {"enum": ["red", "blue"]}}

    assert fields_of({"type": "object", "properties": properties, "required": ["n"]}) == [
        Field("n", "How many", "integer", (), is_required=True),
        Field("c", "c", "string", ("red", "blue"), is_required=False),
    ]
    assert fields_of({"type": "object", "properties": {"list": {"type": "array"}}}) is None
    assert fields_of({"type": "object", "properties": {"any": True}}) is None
    assert fields_of({"type": "string"}) is None


def test_what_is_typed_is_read_by_the_kind_of_the_field() -> None:
    def value(kind: str, text: str, *choices: object) -> object:
        return read(Field("f", "f", kind, choices, is_required=True), text)

    assert value("integer", " 3 ") == 3
    assert value("number", "2.5") == 2.5
    assert (value("boolean", "Yes"), value("boolean", "否")) == (True, False)
    assert value("string", "3") == "3"
    assert (value("string", "blue", "red", "blue"), value("string", "1", "red", "blue")) == ("blue", "red")
    assert value("integer", "20", 10, 20) == 20
    assert read_json('{"a": [1]}') == {"a": [1]}
    for kind, text in (("integer", "x"), ("number", ""), ("boolean", "maybe")):
        with pytest.raises(ValueError, match="please"):
            value(kind, text)
    with pytest.raises(ValueError, match="one of red, please"):
        value("string", "2", "red")
