"""How the demo model answers: a pure function from a request to a reply.

Where it is asked for a summary it quotes what the user said. Otherwise it does one of three things: draft a plan when ``propose_plan`` is offered, carry a plan out when ``mark_step`` is
offered and the system prompt shows a plan, and talk otherwise. The same conversation always gives the same answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oneliner.adapters.models.demo_conversation import Conversation, Known
from oneliner.adapters.models.demo_skills import findings, first_look, needs_missing_tool, wanted_calls
from oneliner.adapters.models.demo_words import Words, words_for
from oneliner.adapters.models.served import Call, Reply
from oneliner.app.history import SUMMARISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.models.demo_conversation import PlanLine
    from oneliner.adapters.models.served import Request

_GREETING = re.compile(r"\s*(?:hi|hello|hey|good (?:morning|evening|day))\b|\s*(?:你好|您好|嗨)", re.IGNORECASE)
_THANKS = re.compile(r"\bthank|\bthx\b|谢谢|感谢", re.IGNORECASE)
_ABOUT = re.compile(r"\b(?:who are you|what (?:are|can) you|help)\b|你是谁|你能做什么|帮助", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[.;!?](?:\s+|$)|[。；！？，\n]|,\s*(?:and\s+)?(?:then\s+)?|\s+and(?: then)?\s+|(?:然后|并且)", re.IGNORECASE
)
_SAID = re.compile(r"^\[(\d+)\] user: (\S.*)$", re.MULTILINE)
_SUMMARISED = re.compile(r"^- .* \[\d+\]$", re.MULTILINE)
_MOST_SUMMARISED = 40
_QUOTED_CHARS = 200
_TITLE_CHARS = 200
_GOAL_CHARS = 500
_MOST_CLAUSES = 3
_CLAUSES_WITH_CHECK = 2
_SHORTEST_CLAUSE = 4


def reply_to(request: Request) -> Reply:
    """What the demo model says to *request*."""
    if request.system_text == SUMMARISE:
        return Reply(_summary_of(request.last_user_text))
    talk = Conversation(request)
    if Known.PROPOSE_PLAN in talk.tools:
        return _draft(talk)
    if Known.MARK_STEP in talk.tools and talk.plan_lines:
        return _carry_out(talk)
    return _chat(talk)


def _summary_of(quoted: str) -> str:
    """What the user said, each in a line, with the lines of an earlier summary before it."""
    said = [f"- {_short(text, _QUOTED_CHARS)} [{number}]" for number, text in _SAID.findall(quoted)]
    return "\n".join([*_SUMMARISED.findall(quoted), *said][-_MOST_SUMMARISED:])


def _chat(talk: Conversation) -> Reply:
    words = words_for(talk.user_text)
    calls = wanted_calls(talk.user_text, talk, words)
    if calls:
        is_question = calls[0].name == Known.ASK_USER
        first = words.before_question if is_question else words.before_tools
        return Reply("" if talk.made_calls else first, calls)
    found = findings(talk.made_calls, words)
    if found:
        lines = "\n".join(f"- {line}" for line in found)
        if all(c.name == Known.ASK_USER for c in talk.made_calls):
            return Reply(f"{found[-1]}\n\n{words.noted}\n\n{words.footer}")
        return Reply(f"{words.results}\n\n{lines}\n\n{words.footer}")
    return Reply(_small_talk(talk, words))


def _small_talk(talk: Conversation, words: Words) -> str:
    text = talk.user_text
    if _THANKS.search(text):
        return words.thanks
    if _ABOUT.search(text):
        return f"{words.about}\n\n{words.abilities}"
    if needs_missing_tool(text, talk):
        return f"{words.about}\n\n{words.not_offered}"
    if _GREETING.match(text) or not text:
        return f"{words.greeting}\n\n{words.abilities}"
    return f"{words.echo.format(text=_short(text, _QUOTED_CHARS))}\n\n{words.abilities}"


def _draft(talk: Conversation) -> Reply:
    words = words_for(f"{talk.goal} {talk.instruction}" if talk.instruction else talk.goal)
    made = talk.made(Known.PROPOSE_PLAN)
    if made:
        steps = made[-1].arguments.get("steps")
        count = len(steps) if isinstance(steps, list) else 0
        return Reply(words.plan_done.format(goal=_short(talk.goal, _QUOTED_CHARS), count=count))
    goal = _short(talk.goal, _GOAL_CHARS) or words.step_work.format(topic="…")
    arguments = {"goal": goal, "steps": _titles(talk, goal, words)}
    return Reply(words.plan_intro, [Call(Known.PROPOSE_PLAN, arguments)])


def _titles(talk: Conversation, goal: str, words: Words) -> list[str]:
    titles = list(talk.drafted_titles) or _fresh_titles(goal, words)
    if talk.instruction:
        revised = words.step_revised.format(instruction=talk.instruction)
        # Before the last step, which sums up.
        titles.insert(max(0, len(titles) - 1), _short(revised, _TITLE_CHARS))
    return titles


def _fresh_titles(goal: str, words: Words) -> list[str]:
    """Four or five steps: gather, the clauses of the goal, a check if there is room, a summary."""
    clauses = [c.strip() for c in _CLAUSE.split(goal) if len(c.strip()) >= _SHORTEST_CLAUSE][:_MOST_CLAUSES]
    work = clauses if len(clauses) > 1 else [words.step_work.format(topic=goal)]
    check = [words.step_check] if len(work) <= _CLAUSES_WITH_CHECK else []
    titles = [words.step_gather, *work, *check, words.step_summary]
    return [_short(t, _TITLE_CHARS) for t in titles]


def _carry_out(talk: Conversation) -> Reply:
    words = words_for(" ".join([talk.user_text, *(s.title for s in talk.plan_lines)]))
    if not talk.open_steps:
        return Reply(_summary(talk, words))
    step = talk.open_steps[0]
    looks = _looks_for(step, talk, words)
    if not looks:
        return _mark(_next_steps(talk, words), talk, words)
    is_question = looks[0].name == Known.ASK_USER
    text = words.before_question if is_question else words.step_reading.format(title=step.title)
    start = words.plan_start.format(count=len(talk.open_steps))
    return Reply(text if talk.made_calls else f"{start}\n\n{text}", looks)


def _looks_for(step: PlanLine, talk: Conversation, words: Words) -> list[Call]:
    """What to call before *step* is marked: a question the user wished for, what the step says, or a first look."""
    questions = [c for c in wanted_calls(f"{talk.user_text}\n{talk.goal}", talk, words) if c.name == Known.ASK_USER]
    return questions or wanted_calls(step.title, talk, words) or ([] if talk.made_calls else first_look(talk))


def _next_steps(talk: Conversation, words: Words) -> Sequence[PlanLine]:
    """The first open step; later on the next one with it, while several are open and it needs no call of its own."""
    first, *others = talk.open_steps
    may_pair = bool(talk.made(Known.MARK_STEP)) and len(others) > 1
    return [first, others[0]] if may_pair and not wanted_calls(others[0].title, talk, words) else [first]


def _mark(steps: Sequence[PlanLine], talk: Conversation, words: Words) -> Reply:
    found = findings(talk.calls_for_step, words)
    note = words.step_note_found.format(found=found[-1]) if found else words.step_note
    calls = [Call(Known.MARK_STEP, {"step_id": s.id, "status": "done", "note": note}) for s in steps]
    return Reply(words.step_done.format(titles=" · ".join(s.title for s in steps)), calls)


def _summary(talk: Conversation, words: Words) -> str:
    parts = [words.summary_heading]
    if talk.goal:
        parts.append(words.summary_goal.format(goal=_short(talk.goal, _GOAL_CHARS)))
    parts.append("\n".join(f"- [x] {s.title}" for s in talk.plan_lines))
    found = findings(talk.made_calls, words)
    if found:
        parts += [words.summary_findings, "\n".join(f"- {line}" for line in found)]
    return "\n\n".join([*parts, words.footer])


def _short(text: str, chars: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= chars else f"{line[: chars - 1]}…"
