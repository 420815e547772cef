"""The use cases of persons, cases and households."""

from iars_node.cases.service.assignment import access_to, is_open_to, readable_here, require_open
from iars_node.cases.service.changing import add_note, assign_case, close_case, reopen_case, set_stage
from iars_node.cases.service.duplicates import likely_duplicates
from iars_node.cases.service.erasure import (
    content_keys,
    erase_content,
    erased_or_locked,
    lock_content,
    retain_content,
    take_out_erased,
    unlock_content,
)
from iars_node.cases.service.opening import (
    external_numbers,
    open_case,
    open_received_case,
    set_external_number,
)
from iars_node.cases.service.openings import (
    break_glass,
    openings_of_case,
    openings_to_look_at,
    review_opening,
)
from iars_node.cases.service.pairs import duplicate_pairs, say_different
from iars_node.cases.service.persons import (
    household_members,
    households_of,
    link_household,
    merge_persons,
    merges_of,
    open_household,
    person_behind,
    unlink_household,
    unmerge_persons,
)
from iars_node.cases.service.reading import (
    case_by_reference,
    case_head,
    cases_of_person,
    disclosable,
    read_case,
    snapshot,
    snapshot_sources,
)
from iars_node.cases.service.search import list_cases, narrowed_to, search_cases
from iars_node.cases.service.tasks import (
    add_task,
    assignable,
    finish_task,
    is_one_due,
    tasks_due,
    tasks_of_case,
)
from iars_node.cases.service.tracing import happenings
from iars_node.cases.service.unfinished import drafts_of_person, fields_of
from iars_node.cases.service.writing import receive_scope, write_record, write_scope

__all__ = [
    "access_to",
    "add_note",
    "add_task",
    "assign_case",
    "assignable",
    "break_glass",
    "case_by_reference",
    "case_head",
    "cases_of_person",
    "close_case",
    "content_keys",
    "disclosable",
    "drafts_of_person",
    "duplicate_pairs",
    "erase_content",
    "erased_or_locked",
    "external_numbers",
    "fields_of",
    "finish_task",
    "happenings",
    "household_members",
    "households_of",
    "is_one_due",
    "is_open_to",
    "likely_duplicates",
    "link_household",
    "list_cases",
    "lock_content",
    "merge_persons",
    "merges_of",
    "narrowed_to",
    "open_case",
    "open_household",
    "open_received_case",
    "openings_of_case",
    "openings_to_look_at",
    "person_behind",
    "read_case",
    "readable_here",
    "receive_scope",
    "reopen_case",
    "require_open",
    "retain_content",
    "review_opening",
    "say_different",
    "search_cases",
    "set_external_number",
    "set_stage",
    "snapshot",
    "snapshot_sources",
    "take_out_erased",
    "tasks_due",
    "tasks_of_case",
    "unlink_household",
    "unlock_content",
    "unmerge_persons",
    "write_record",
    "write_scope",
]
