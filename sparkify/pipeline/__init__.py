"""The verbs of the warehouse: the only place that orders steps and opens transactions.

    list -> plan -> ONE transaction: [old rows leave, new rows and rejects enter staging -> star -> ledger ->
    fail checks] -> commit -> LoadResult

Whatever kills a load leaves the state before it: all that it writes is in that one transaction.
"""

from sparkify.pipeline.answering import Answer, Answers, Comparison, answer_all
from sparkify.pipeline.correcting import ReplayResult, UndoResult, replay, undo
from sparkify.pipeline.loading import LoadResult, create, load, load_into
from sparkify.pipeline.progress import OnEvent, OnProgress, Progress
from sparkify.pipeline.reading import Status, check, compare, list_rejects, plan, query, query_sql, status

__all__ = [
    "Answer",
    "Answers",
    "Comparison",
    "LoadResult",
    "OnEvent",
    "OnProgress",
    "Progress",
    "ReplayResult",
    "Status",
    "UndoResult",
    "answer_all",
    "check",
    "compare",
    "create",
    "list_rejects",
    "load",
    "load_into",
    "plan",
    "query",
    "query_sql",
    "replay",
    "status",
    "undo",
]
