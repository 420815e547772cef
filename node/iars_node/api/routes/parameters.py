"""Parameters that several operations take."""

from typing import Annotated

from fastapi import Header, Path, Query

from iars_node.api.bodies.base import ATTACHMENT, CASE, CONSENT, REFERRAL
from iars_node.api.versions import HEADER as IF_MATCH

_ID = "^[0-9a-f]{32}$"

CaseId = Annotated[str, Path(pattern=_ID, examples=[CASE])]
ConsentId = Annotated[str, Path(pattern=_ID, examples=[CONSENT])]
ReferralId = Annotated[str, Path(pattern=_ID, examples=[REFERRAL])]
AttachmentId = Annotated[str, Path(pattern=_ID, examples=[ATTACHMENT])]
Scopes = Annotated[
    str,
    Query(
        max_length=200,
        description="The scopes to be shown, joined by commas. None is shown that is not named.",
        examples=["services,demographics"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias=IF_MATCH, description="The version that the request changes", examples=['"3"']),
]
