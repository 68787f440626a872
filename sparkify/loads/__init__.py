"""The verbs that change a warehouse: the only place that orders steps and opens transactions.

    list -> plan -> ONE transaction: [new rows and rejects enter staging, old rows leave -> star -> ledger ->
    fail checks] -> commit -> LoadResult

A load that is killed leaves the state before it: everything it writes is in that one transaction.
"""
