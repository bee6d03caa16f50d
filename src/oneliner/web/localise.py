"""The one localised text of the API: what a run is doing, in the caller's language.

Everything else is codes and parameters, for the page to say in its own words.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from oneliner.domain.run import ENDED, Reason, RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


class Language(StrEnum):
    """The languages a status is told in."""

    EN = "en"
    ZH = "zh"


_STATUS: Mapping[RunStatus, tuple[str, str]] = {
    RunStatus.DRAFTING: ("The main agent is drafting a plan", "主 Agent 正在起草计划"),
    RunStatus.NEEDS_CONFIRMATION: ("Waiting for your confirmation", "等待确认"),
    RunStatus.QUEUED: ("Waiting for the main agent", "等待主 Agent 执行"),
    RunStatus.RUNNING: ("The main agent is working", "主 Agent 正在执行"),
    RunStatus.BLOCKED: ("The main agent needs you", "主 Agent 需要你的处理"),
    RunStatus.DONE: ("Done", "已完成"),
    RunStatus.FAILED: ("Failed", "执行失败"),
    RunStatus.CANCELLED: ("Cancelled", "已取消"),
}
_REASON: Mapping[Reason, tuple[str, str]] = {
    Reason.USER_CANCELLED: ("by the user", "用户取消"),
    Reason.INTERRUPTED: ("by a newer message", "被新消息打断"),
    Reason.SESSION_DELETED: ("its session was deleted", "会话已删除"),
    Reason.POLICY_DENIED: ("a policy forbids it", "策略不允许"),
    Reason.MODEL_ERROR: ("the model gave no usable answer", "模型未能给出可用的回答"),
    Reason.MODEL_REFUSED: ("the model provider refused the request", "模型服务商拒绝了请求"),
    Reason.MODEL_UNAVAILABLE: ("the model is not available", "模型不可用"),
    Reason.PLAN_NOT_DRAFTED: ("no plan could be drafted", "未能起草计划"),
    Reason.STEP_LIMIT: ("the limit on steps was reached", "已达到步数上限"),
    Reason.OUTPUT_LIMIT: ("the answer was cut at its limit", "回答超出长度上限"),
    Reason.TIMED_OUT: ("it took too long", "执行超时"),
    Reason.WORKER_LOST: ("its worker was lost too often", "执行进程多次丢失"),
    Reason.INTERNAL_ERROR: ("an internal error", "内部错误"),
    Reason.BUDGET_EXCEEDED: ("the budget is used up", "预算已用完"),
    Reason.NEEDS_ANSWER: ("it has a question", "等待你的回答"),
    Reason.NEEDS_APPROVAL: ("a tool call waits for approval", "有工具调用等待批准"),
    Reason.TOOL_OUTCOME_UNKNOWN: ("the outcome of a tool call is unknown", "工具调用结果未知"),
    Reason.EXECUTOR_UNKNOWN: ("its executor is not configured here", "此处没有配置它的执行者"),
    Reason.EXECUTOR_FAILED: ("its executor failed", "执行者出错"),
    Reason.EXECUTOR_DIVERGED: ("its executor did not work as before", "执行者未按之前的步骤执行"),
}
_EXPLAINED = ENDED | {RunStatus.BLOCKED}


@lru_cache(maxsize=256)
def language_of(accept_language: str) -> Language:
    """The language an ``Accept-Language`` header asks for most; English when it names none of ours."""
    best, weight = Language.EN, 0.0
    for part in accept_language.lower().split(","):
        name, _, parameters = part.strip().partition(";")
        language = _NAMES.get(name.split("-")[0].strip())
        quality = _quality(parameters)
        if language is not None and quality > weight:
            best, weight = language, quality
    return best


def status_summary(status: RunStatus, reason: Reason, language: Language) -> str:
    """What a run is doing, and why where there is a reason to tell."""
    column = 1 if language is Language.ZH else 0
    said = _STATUS[status][column]
    because = _REASON.get(reason)
    if because is None or status not in _EXPLAINED:
        return said
    return f"{said}：{because[1]}" if language is Language.ZH else f"{said}: {because[0]}"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


_NAMES: Mapping[str, Language] = {language.value: language for language in Language}
