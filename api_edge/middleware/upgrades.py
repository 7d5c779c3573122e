"""HTTP/1.1, whatever a client offers to speak instead.

An offer to upgrade may be passed over (RFC 9110, 7.8), and Java's HttpClient and curl make one with each
request, bodies included. httptools takes the offer for accepted: the request would be without its body, and
the body would be read as another request. So a head with an offer is read again without it, and what follows
is its body.
"""

import httptools
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PlainProtocol(HttpToolsProtocol):
    """One connection that speaks HTTP/1 to its end."""

    _offered: bytes | None = None
    """A head with an offer, without the offer."""

    @override
    def data_received(self, data: bytes) -> None:
        """As uvicorn does it, but for offers."""
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("")

    @override
    def on_headers_complete(self) -> None:
        """The head is whole: serve the request, unless it is to be read again."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            return
        version = self.parser.get_http_version().encode()
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)
        lines = [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        self._offered = b"\r\n".join([first, *lines, b"", b""])

    @override
    def on_message_complete(self) -> None:
        """The body is whole, unless the head is to be read again."""
        if self._offered is None:
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                self._read_again()
            else:
                return

    def _read_again(self) -> None:
        head, self._offered = self._offered or b"", None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.parser.feed_data(head)
