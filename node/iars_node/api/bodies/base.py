"""What bodies share: unknown fields are refused, ids and codes have their form."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from iars_node.cases.model import CLOSURE_REASONS, STAGES
from iars_node.consent.changing import INVALIDATION_REASONS
from iars_node.consent.model import ASSENT, FROM_WHOM, HOW_OBTAINED, WITHDRAWAL_WAYS
from iars_protocol.record import ORGANISATION_TYPES, PRIORITIES, PURPOSES, REASONS, SCOPES, SERVICES

CASE = "5f0c7f6c1e0b4f53a1b7d2a94c8e6f10"
PERSON = "b2a4d8e09f5c4b7e8d1a3c6f70e92b45"
CONSENT = "0d3e5c7a91b24f68b6a8c0e2f4d61735"
REFERRAL = "9c1b7e5a3d2f48609e8d7c6b5a493827"
ATTACHMENT = "e1d2c3b4a5968778695a4b3c2d1e0f10"
GRANT = "77aa66bb55cc44dd33ee22ff11008899"
NODE = "6d9a2c51f0e84b37a9c6d3e2f18b50744c8f1e6a2b9d70538e4f6c1a0d7b3952"
MORNING = "2026-03-02T09:00:00Z"
EVENING = "2026-03-02T17:30:00Z"


def codes(known: Iterable[str]) -> Any:  # noqa: ANN401 - the library's field
    """Return a field that lists the codes it accepts."""
    return Field(json_schema_extra={"enum": list(known)}, max_length=64)


def example(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return what shows a body's example in the description."""
    return {"examples": [values]}


Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
NodeId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ScopeCode = Annotated[str, codes(SCOPES)]
ServiceCode = Annotated[str, codes(SERVICES)]
PriorityCode = Annotated[str, codes(PRIORITIES)]
PurposeCode = Annotated[str, codes(PURPOSES)]
StageCode = Annotated[str, codes(STAGES)]
ClosureReason = Annotated[str, codes(CLOSURE_REASONS)]
HowObtained = Annotated[str, codes(HOW_OBTAINED)]
FromWhom = Annotated[str, codes(FROM_WHOM)]
Assent = Annotated[str, codes(("", *ASSENT))]
WithdrawalWay = Annotated[str, codes(WITHDRAWAL_WAYS)]
InvalidationReason = Annotated[str, codes(INVALIDATION_REASONS)]
OrganisationType = Annotated[str, codes(ORGANISATION_TYPES)]
RejectReason = Annotated[str, codes(REASONS["reject"])]
HoldReason = Annotated[str, codes(REASONS["hold"])]
FailReason = Annotated[str, codes(REASONS["fail"])]
CancelReason = Annotated[str, codes(REASONS["cancel"])]
AppointmentOutcome = Annotated[str, codes(REASONS["appointment"])]
Remark = Annotated[str, Field(max_length=2000)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Fields = Mapping[str, JsonValue]


class Body(BaseModel):
    """Something that comes in or goes out as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)
