"""file_search_delete: documents are forgotten, with all of their passages."""

from contracts.tools.file_search import FILE_SEARCH_DELETE, DeleteArguments, DeleteResult
from contracts.tools.spec import ToolResult
from infra.database import Database
from infra.store.file_search import drop_documents
from workers.tool.core.arguments import read_arguments
from workers.tool.file_search.checking import check_ids
from workers.tool.ports import Call


class DeleteTool:
    """The tool."""

    spec = FILE_SEARCH_DELETE
    off_reason: str | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    async def call(self, call: Call) -> ToolResult:
        """Delete documents. Raises BadArguments, ApiError."""
        ids = list(dict.fromkeys(read_arguments(DeleteArguments, call.arguments).document_ids))
        check_ids(ids)
        async with self._database.begin() as session:
            gone = await drop_documents(session, call.tenant, ids)
        return ToolResult.of(
            DeleteResult(
                deleted=[one for one in ids if one in gone],
                not_found=[one for one in ids if one not in gone],
            )
        )
