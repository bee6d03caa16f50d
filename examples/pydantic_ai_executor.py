"""An agent written with Pydantic AI as an executor: ``oneliner serve --executors examples/pydantic_ai_executor.py``."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic_ai import Agent

from oneliner import ExecutorContext, executor
from oneliner.pydantic_ai import durable_model, durable_tools


class Report(BaseModel):
    """What the reporter answers with."""

    headline: str
    findings: list[str]


agent = Agent(output_type=Report, instructions="Find out what is asked with the tools you have, and report it.")


@executor(tools=["*"], max_steps=20)
async def reporter(context: ExecutorContext) -> str:
    """Looks things up and writes a report with a headline and findings."""
    result = await agent.run(context.task, model=durable_model(context), toolsets=[durable_tools(context)])
    report = result.output
    return f"## {report.headline}\n\n" + "\n".join(f"- {finding}" for finding in report.findings)
