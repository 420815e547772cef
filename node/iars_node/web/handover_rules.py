"""What each side of a handover keeps and may not keep: shown before offering and before accepting."""

from __future__ import annotations

from iars_node.web.languages import N_

NEW_CONTROLLER = (
    N_("You take over responsibility for the whole case. Your acceptance is signed."),
    N_("You keep what is handed over, and may share it further only as the person agrees with you."),
    N_("From now on you ask the person for consent and grant it to others in your own name."),
    N_(
        "If the person withdraws what they agreed to before the handover, what was handed over is closed "
        "at once and erased, and so is what you shared of it."
    ),
)
FORMER_CONTROLLER = (
    N_("They refer the person no more."),
    N_(
        "They keep only what is needed so that a withdrawal finds its way: numbers, names of organisations, "
        "dates and signatures, and the codes of the consents."
    ),
    N_(
        "They erase everything else of the case after a hold, but for what a law requires them to keep "
        "until a day."
    ),
    N_("When the person withdraws with them, they forward it to you."),
)

# The same for whoever offers it, who reads of themselves first.
LETTING_GO = (
    N_(
        "Responsibility for the whole case moves when they accept. From then on you refer the person no more."
    ),
    N_(
        "You keep only what is needed so that a withdrawal finds its way: numbers, names of organisations, "
        "dates and signatures, and the codes of the consents."
    ),
    N_(
        "Everything else of the case is erased here after a hold: also what the person did not agree to hand "
        "over, which nobody has then. A part that a law requires you to keep can be kept until a day."
    ),
    N_("When the person withdraws with you, you forward it to them."),
)
TAKING_OVER = (
    N_("They keep what is handed over, and may share it further only as the person agrees with them."),
    N_("They ask the person for consent from then on, in their own name."),
    N_(
        "If the person withdraws what they agreed to before the handover, what was handed over is closed "
        "there at once and erased."
    ),
)
