"""The steps of a response as a tree: its model turns, and the calls of tools that each made."""

from datetime import datetime

from rich.text import Text
from rich.tree import Tree
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.cli.letters import printable
from infra.store.response_steps import TURN, ResponseStepRow, steps_of
from infra.store.responses import ResponseRow

COLORS = {"completed": "green", "failed": "red", "cancelled": "yellow"}


async def step_tree(session: AsyncSession, response_id: str) -> Tree:
    """The tree, with the seconds from the beginning and those that each step took."""
    row = await session.get(ResponseRow, response_id)
    steps = await steps_of(session, response_id)
    tree = Tree(Text("steps", style="bold"))
    first = steps[0].started_at if row is None and steps else None
    branches: dict[int, Tree] = {}
    for step in steps:
        line = _line(step, first or (row.created_at if row is not None else step.started_at))
        if step.kind == TURN:
            branches[step.turn] = tree.add(line)
        else:
            branches.get(step.turn, tree).add(line)
    return tree


def _line(step: ResponseStepRow, first: datetime) -> Text:
    began = (step.started_at - first).total_seconds()
    took = "" if step.ended_at is None else f"{(step.ended_at - step.started_at).total_seconds():.3f} s"
    name = f"turn {step.turn + 1}" if step.kind == TURN else printable(str(step.about.get("name")))
    return Text.assemble(
        (str(name), "bold"),
        (f"  {step.status}", COLORS.get(step.status, "cyan")),
        (f"  at {began:.3f} s  {took}", "dim"),
        (f"  {step.job_id}", "dim"),
    )
