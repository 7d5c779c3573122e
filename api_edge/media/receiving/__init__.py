"""Request bodies that hold files: to the disk as they come, whatever their size, and in bounded memory."""

from api_edge.media.receiving.ask import receive_ask
from api_edge.media.receiving.claims import safe_filename
from api_edge.media.receiving.form import receive_form
from api_edge.media.receiving.incoming import ReceiveLimits
from api_edge.media.receiving.spool import Spool
from api_edge.media.receiving.writing import Received

__all__ = ["ReceiveLimits", "Received", "Spool", "receive_ask", "receive_form", "safe_filename"]
