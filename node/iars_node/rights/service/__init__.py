"""The use cases of the person's rights."""

from iars_node.rights.service.correcting import (
    correct,
    corrections_of_case,
    find_told,
    mark_told,
    still_to_tell,
)
from iars_node.rights.service.disclosures import disclosure_log, disclosures_of_case
from iars_node.rights.service.forwarding import FORWARD_JOB, follow_amendment, forward
from iars_node.rights.service.gathering import gather_report
from iars_node.rights.service.processing import record_of_processing

__all__ = [
    "FORWARD_JOB",
    "correct",
    "corrections_of_case",
    "disclosure_log",
    "disclosures_of_case",
    "find_told",
    "follow_amendment",
    "forward",
    "gather_report",
    "mark_told",
    "record_of_processing",
    "still_to_tell",
]
