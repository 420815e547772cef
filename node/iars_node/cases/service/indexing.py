"""Indexing cases that were written before their codes were: once, in pieces, after the node is unlocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.cases.store import contents, words
from iars_node.jobs.service import schedule

if TYPE_CHECKING:
    from iars_node.jobs.model import Job
    from iars_node.work import Work

INDEX_JOB = "case.index-codes"
_CASES_AT_ONCE = 200


def index_codes_job(work: Work, job: Job) -> None:
    """Index some cases and go on after them; the job ends with the last case."""
    after = str(job.payload.get("after", ""))
    case_ids = contents.cases_with(work.connection, words.CODED_SCOPES, after, _CASES_AT_ONCE)
    documents = contents.read_documents(
        work.connection, work.vault, case_ids, words.CODED_SCOPES, at=work.now
    )
    keys = contents.key_ids(work.connection, case_ids, words.CODED_SCOPES)
    for document in documents:
        if not document.closed:
            values = {name: held.value for name, held in document.fields.items()}
            found = words.keys_of(work.vault, document.scope, values)
            key_id = keys[document.case_id, document.scope, document.source]
            words.replace_words(work.connection, document.case_id, key_id, found)
    if case_ids:
        schedule(work, INDEX_JOB, work.now, payload={"after": case_ids[-1]})
