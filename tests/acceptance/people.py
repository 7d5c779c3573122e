"""People of the running product: guests, users who registered, admins."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from contracts.envelope import Role
from contracts.ids import new_ulid
from infra.database import open_database
from infra.store.users import locked_user
from tests.acceptance.waiting import LIMIT
from tests.product import Product


@dataclass
class Person:
    """Somebody with a session."""

    url: str
    user_id: str
    access_token: str
    refresh_token: str

    def client(self, url: str | None = None) -> aiohttp.ClientSession:
        """Plain HTTP in their name, to the gateway or to another edge."""
        headers = {"Authorization": f"Bearer {self.access_token}"}
        timeout = aiohttp.ClientTimeout(total=LIMIT)
        return aiohttp.ClientSession(url or self.url, headers=headers, timeout=timeout)

    async def refresh(self) -> int:
        """Go on with new tokens, where they are given; the status of the answer."""
        body = {"refresh_token": self.refresh_token}
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.post("/auth/refresh-token", json=body) as answer,
        ):
            if answer.status == 200:
                given = await answer.json()
                self.access_token, self.refresh_token = given["access_token"], given["refresh_token"]
            return answer.status


async def guest(product: Product) -> Person:
    """A new guest."""
    async with aiohttp.ClientSession(product.url) as session, session.post("/auth/guest-login") as answer:
        assert answer.status == 201
        login = await answer.json()
    return Person(product.url, login["user_id"], login["access_token"], login["refresh_token"])


async def registered(product: Product, name: str | None = None) -> Person:
    """A new guest who has registered."""
    person = await guest(product)
    about = {"email": f"{new_ulid().lower()}@example.com", "full_name": name or "Somebody"}
    async with person.client() as session, session.post("/auth/upgrade", json=about) as answer:
        assert answer.status == 200, await answer.text()
        given = await answer.json()
    person.access_token, person.refresh_token = given["access_token"], given["refresh_token"]
    return person


async def admin(product: Product) -> Person:
    """A new admin, made by the database as `jan admin grant` does it."""
    person = await registered(product, "Admin")
    async with open_database(product.servers.database) as database, database.begin() as session:
        user = await locked_user(session, person.user_id)
        assert user is not None
        user.roles = [Role.USER.value, Role.ADMIN.value]
    assert await person.refresh() == 200
    return person


@asynccontextmanager
async def admin_client(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP in a new admin's name."""
    async with (await admin(product)).client() as session:
        yield session
