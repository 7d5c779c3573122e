"""The routes of projects."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from api_edge.projects.projects import Projects
from contracts.wire.conversations import Conversation
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.projects import Project, ProjectAsk, ProjectDeleted, ProjectPatch

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller has no such project"}}
TAKEN: Answers = {409: {"model": ErrorAnswer, "description": "Another project has this name"}}
ProjectId = Annotated[str, Path(description="Its id", examples=["proj_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])]


def project_router(projects: Projects) -> APIRouter:
    """A caller's projects."""
    router = APIRouter(prefix="/v1/projects", tags=["projects"])

    @router.post("", status_code=201, summary="Begin a project", responses=TAKEN)
    async def create_project(caller: SignedIn, body: ProjectAsk) -> Project:
        """Its instruction is the first thing that models are told in each of its conversations."""
        return await projects.create(caller, body)

    @router.get("", summary="List projects")
    async def list_projects(caller: SignedIn, paging: Paging) -> Page[Project]:
        """All of them, archived ones too, by age."""
        return await projects.page(caller, paging)

    @router.get("/{project_id}", summary="Read a project", responses=UNKNOWN)
    async def read_project(caller: SignedIn, project_id: ProjectId) -> Project:
        """One of them."""
        return await projects.read(caller, project_id)

    @router.patch("/{project_id}", summary="Change a project", responses={**UNKNOWN, **TAKEN})
    async def change_project(caller: SignedIn, project_id: ProjectId, body: ProjectPatch) -> Project:
        """What is left out stays. Another instruction counts from the next question on."""
        return await projects.change(caller, project_id, body)

    @router.delete("/{project_id}", summary="Delete a project", responses=UNKNOWN)
    async def delete_project(caller: SignedIn, project_id: ProjectId) -> ProjectDeleted:
        """Its conversations stay, without it and its instruction. Its name can be used again."""
        await projects.delete(caller, project_id)
        return ProjectDeleted(id=project_id)

    @router.get("/{project_id}/conversations", summary="List a project's conversations", responses=UNKNOWN)
    async def list_project_conversations(
        caller: SignedIn, project_id: ProjectId, paging: Paging
    ) -> Page[Conversation]:
        """The same as /v1/conversations?project_id=..."""
        return await projects.conversations(caller, project_id, paging)

    return router
