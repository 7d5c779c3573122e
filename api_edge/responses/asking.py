"""A request for a response, checked: everything that is known of it before it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from api_edge.deps import Edge
from api_edge.llm.calls import check_model
from api_edge.llm.chat import checked
from api_edge.middleware.identity import caller_of
from api_edge.responses.approvals import Approved, approved
from api_edge.responses.choice import chosen
from api_edge.responses.fields import invalid
from api_edge.responses.finding import found, has_ended
from api_edge.responses.inputs import APPROVAL, Put, Reference, looked_up, read_input
from api_edge.responses.offer import Known, Tools
from api_edge.responses.offers import Offers, offers_in, usual_offers
from api_edge.responses.plan import Models, is_prompted
from api_edge.responses.together import check_together
from contracts.envelope import Caller
from contracts.ids import CONVERSATION, is_id
from contracts.jobs import Endpoint, Turn
from contracts.media import media_ids
from contracts.wire.responses import ConversationId, CreateResponse
from infra.database import Database
from infra.settings import ResponseSettings
from infra.store.responses import ResponseRow

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


@dataclass(frozen=True)
class Asking:
    """A response that may be accepted."""

    wanted: CreateResponse
    body: JsonObject
    offers: Offers
    items: Sequence[Put]
    approved: Sequence[Approved]
    place: Turn | None
    """Where its conversation goes on."""
    is_prompted: bool
    seconds: float
    """From its acceptance to its deadline."""

    @property
    def is_stream(self) -> bool:
        """Whether its events are wanted."""
        return bool(self.wanted.stream)

    @property
    def is_background(self) -> bool:
        """Whether it is answered at once."""
        return bool(self.wanted.background)


@dataclass(frozen=True)
class Asker:
    """Checks requests."""

    edge: Edge
    database: Database
    models: Models
    tools: Tools
    settings: ResponseSettings

    async def asking(self, scope: Scope, body: JsonObject) -> Asking:
        """What a body asks for. Raises ApiError naming the field that is wrong."""
        caller = caller_of(scope)
        wanted = checked(CreateResponse, body)
        check_together(wanted, body)
        offers = chosen(self._offers(wanted, caller), wanted.tool_choice)
        items = read_input(wanted.input)
        await check_model(self.edge, wanted.model, Endpoint.CHAT)
        place = await self._place(wanted, caller)
        puts, allowed = await self._kept(wanted, caller, items, offers)
        await self._check_media(scope, caller, puts)
        return Asking(
            wanted=wanted,
            body=body,
            offers=offers,
            items=puts,
            approved=allowed,
            place=place,
            is_prompted=is_prompted(self.models, wanted.model, self.settings),
            seconds=self.settings.max_background_seconds if wanted.background else self.settings.seconds,
        )

    def _offers(self, wanted: CreateResponse, caller: Caller) -> Offers:
        known = Known(self.tools.current, caller.tenant)
        if wanted.tools is not None:
            return offers_in(wanted.tools, known)
        if self.settings.default_tools == "off" or wanted.tool_choice == "none":
            return Offers()
        return usual_offers(known)

    async def _place(self, wanted: CreateResponse, caller: Caller) -> Turn | None:
        given = wanted.conversation
        if given is None:
            return None
        named = given.id if isinstance(given, ConversationId) else given
        if not is_id(named, CONVERSATION):
            raise invalid("conversation", "must be the id of a conversation, such as conv_01J...")
        return await self.edge.conversations.place(caller.tenant, named)

    async def _kept(
        self, wanted: CreateResponse, caller: Caller, items: Sequence[Put | Reference], offers: Offers
    ) -> tuple[list[Put], list[Approved]]:
        """The items, with what they refer to. Raises ApiError: 404, or 400."""
        tenant, previous = caller.tenant, wanted.previous_response_id
        if previous is None and not any(map(_needs_more, items)):
            return [item for item in items if isinstance(item, Put)], []
        async with self.database.begin() as session:
            if previous is not None:
                _check_previous(await found(session, tenant, previous, "previous_response_id"))
            puts = await looked_up(session, tenant, previous, items)
            return puts, await approved(session, tenant, previous, puts, offers)

    async def _check_media(self, scope: Scope, caller: Caller, puts: Sequence[Put]) -> None:
        """What was sent to the store and is used here for the first time is taken in now."""
        named = media_ids([put.item for put in puts])
        if named:
            await self.edge.media.check(caller, scope["state"]["request_id"], named, "input")


def _needs_more(item: Put | Reference) -> bool:
    """Whether it stands for what is kept."""
    return isinstance(item, Reference) or item.item["type"] == APPROVAL


def _check_previous(row: ResponseRow) -> None:
    if not has_ended(row):
        raise invalid("previous_response_id", f"names {row.response_id}, which has not ended yet")
