"""Swagger UI from local files, under a policy that lets the page load and run nothing else.

The distribution comes from the wheel fastapi-swagger, of which only the files are used.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from contracts.errors import ApiError, ErrorCode

PAGE = "/api/swagger"
INDEX = f"{PAGE}/index.html"
DISTRIBUTION = "fastapi_swagger.resources"
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
CACHED = "public, max-age=86400"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Swagger UI styles its elements inline; its pictures are data addresses."""
HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference</title>
<link rel="stylesheet" href="swagger-ui.css">
<link rel="icon" type="image/png" href="favicon-32x32.png">
</head>
<body>
<p style="margin: 1em auto; max-width: 1420px; padding: 0 20px; font-family: sans-serif">
<button id="guest" type="button">Log in as a guest</button>
<output id="told"></output>
</p>
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="initializer.js"></script>
</body>
</html>
"""
INITIALIZER = """window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});

const told = document.getElementById("told");

document.getElementById("guest").addEventListener("click", async () => {
  told.textContent = "";
  try {
    const answer = await fetch("/auth/guest-login", {method: "POST"});
    const body = await answer.json();
    if (answer.ok) {
      ui.preauthorizeApiKey("bearer", body.access_token);
      told.textContent = `You are ${body.username} for ${body.expires_in / 60} minutes`;
    } else {
      told.textContent = body.error.message;
    }
  } catch (error) {
    told.textContent = `The login failed: ${error.message}`;
  }
});
"""
"""Swagger UI, and a button that logs in: it is the scheme `bearer` that gets the guest's token."""


def swagger_router() -> APIRouter:
    """The page, its files, and the way to it."""
    router = APIRouter(prefix=PAGE, include_in_schema=False)
    distribution = files(DISTRIBUTION)

    @router.get("")
    @router.get("/")
    async def to_page() -> Response:
        return RedirectResponse(INDEX, 307)

    @router.get("/index.html")
    async def page() -> Response:
        headers = {
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-cache",
            "Referrer-Policy": "no-referrer",
        }
        return Response(HTML, media_type="text/html", headers=headers)

    @router.get("/initializer.js")
    async def initializer() -> Response:
        return _file(INITIALIZER.encode(), "text/javascript", "no-cache")

    @router.get("/{name}")
    def asset(name: str) -> Response:
        return _file(_read(distribution, name), ASSETS[name], CACHED)

    return router


def _read(distribution: Traversable, name: str) -> bytes:
    if name not in ASSETS:
        raise ApiError(ErrorCode.NOT_FOUND, f"No such file. Here are {', '.join(ASSETS)}")
    return distribution.joinpath(name).read_bytes()


def _file(content: bytes, media_type: str, caching: str) -> Response:
    headers = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
