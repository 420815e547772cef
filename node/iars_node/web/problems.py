"""What a reader is told where something can't be done: by a code, a rule's own sentence, a field's kind."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from iars_node.web.languages import N_

if TYPE_CHECKING:
    from collections.abc import Mapping


# What happened, what is safe, what to do: by the error's code, where there is no closer sentence.
PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "not-found": N_(
            "This page or record is not here, or your roles do not show it. Nothing was changed."
        ),
        "forbidden": N_(
            "Your roles do not allow this. Nothing was changed; ask an administrator if you need it."
        ),
        "not-assigned": N_(
            "This case is not assigned to you. Say why you must see it, or ask for it to be assigned to you."
        ),
        "unauthenticated": N_("You are not signed in. Sign in and try again."),
        "invalid": N_(
            "Some answers can't be used as they are. Nothing was saved; correct them and try again."
        ),
        "conflict": N_("The record changed meanwhile. Nothing was saved; look at it again."),
        "refused": N_("A rule of consent does not allow this. Nothing was sent."),
        "locked": N_(
            "The node is locked, so records can't be opened. They are safe; "
            "an administrator must unlock the node."
        ),
        "erased": N_("This content was erased and nobody can show it again."),
        "too-many": N_("Too many attempts. Wait a while before the next."),
        "too-many-cases": N_(
            "You have opened as many different cases as one account may in so short a time. What you opened "
            "already can be opened again. Wait before you open another, or ask an administrator."
        ),
        "too-large": N_("The form is too long. Nothing was saved; shorten it and try again."),
        "setup": N_("The node is not set up fully. Tell an administrator; nothing was changed."),
        "node": N_(
            "Something went wrong here. Nothing was saved; try again, and tell an administrator if it stays."
        ),
    }
)


# Sentences of the rules themselves that say more than their code does.
SENTENCES = frozenset(
    {
        N_("The case is closed; reopen it first."),
        N_("Another case has this file number."),
        N_("These two are one person already."),
        N_("This draft is not there any more."),
        N_("No row of headers was found in the spreadsheet."),
        N_("A sheet of the mapping is missing."),
        N_("The sheet is too long."),
        N_("This is not a spreadsheet of the form .xlsx."),
        N_("This is an old or locked spreadsheet; save it as .xlsx, without a password."),
        N_("The spreadsheet holds macros; save it as .xlsx without them."),
        N_("The spreadsheet unpacks to more than it may; split it into smaller ones."),
        N_("The spreadsheet can't be read."),
        N_("The spreadsheet is too large; split it into smaller ones."),
        N_("The spreadsheet has more rows than a page takes in; split it into smaller ones."),
        N_("This spreadsheet is being worked on; wait a moment and look again."),
        N_("The spreadsheet has to be checked without a fault first."),
        N_("You have too many unfinished ones; finish or delete some first."),
        N_("Someone else changed the case first; look at it again."),
        N_("Someone else changed this part of the case first; look at it again."),
        N_("This part of the case is locked; nothing can be written into it."),
        N_("The consent is not complete; nothing was recorded."),
        N_("This would allow more than before; ask the person again and renew it."),
        N_("Nothing is taken out; the consent stands as it was."),
        N_("A newer version has taken this consent's place; look at that one."),
        N_("The exception is not complete; nothing was recorded."),
        N_("Somebody other than its author has to decide about an exception."),
        N_("A reason is needed."),
        N_("The code is not right."),
        N_("The password can't be used like this."),
        N_("The passkey needs a name."),
        N_("The passkey can't be used; nothing was changed. Try again."),
        N_("There are too many passkeys; remove one first."),
        N_("Your roles need a second step; set up another app instead of removing this one."),
        N_("Set up one-time codes first."),
        N_("Your roles need a second step; set up one-time codes before you remove this."),
        N_("There is no such session."),
        N_("There is no such passkey."),
        N_("This is not kept any more."),
        N_("A colleague has done this already; nothing was changed."),
        N_("The follow-up can't be kept as it is."),
        N_("This permission was withdrawn already."),
        N_("This case was not handed over, or was erased already; nothing can be kept."),
        N_("The file's name can't be used as it is."),
        N_("There is no case of this reference."),
        N_("The case says this already; nothing was changed."),
        N_("This case is open to you; no reason is needed."),
        N_("There is nothing left to tell them."),
        N_("Somebody other than who looked into the case has to look at this."),
        N_("Please say more about the reason."),
        N_("There is nothing to send yet."),
        N_("Only the organisation that was asked can do this."),
        N_("Only the organisation that referred the person can do this."),
        N_("The form did not come from this page; open the page again."),
        N_("A sentence or attachment touches what the person did not agree to share; nothing was sent."),
        N_(
            "A sentence touches what the person did not agree to share with the other side; nothing was sent."
        ),
    }
)


KIND_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "text": N_("Write at most 500 characters."),
        "long-text": N_("Write at most 20,000 characters."),
        "words": N_("Write one entry in each line, each once."),
        "date": N_("Write a date like 2004-05-17, a month like 2004-05 or a year like 2004."),
        "number": N_("Write a whole number, such as 3."),
        "flag": N_("Choose yes or no."),
        "code": N_("Choose from the list."),
        "codes": N_("Choose from the list."),
        "country": N_("Write a country's name as in the suggestions."),
        "countries": N_("Write a country's name as in the suggestions."),
        "language": N_("Write a language's name as in the suggestions."),
        "languages": N_("Write a language's name as in the suggestions."),
        "phone": N_("Write a phone number with its country code, such as +355 69 123 4567."),
        "email": N_("Write an e-mail address, such as name@example.org."),
        "needs": N_("Choose a service and how urgent it is."),
        "attachment": N_("This can't be changed here."),
    }
)


# What is wrong with what a person signs in by; the rules say it in these words.
SIGN_IN_FAULTS = frozenset(
    {
        N_("Use at least 12 characters; several words are easy to remember."),
        N_("This is too easy to guess: don't use the account's name or repeat a few signs."),
        N_("This is one of the first that are tried. Add words that only you would choose."),
        N_("Others use this password too, and it became known. Choose another one."),
        N_("This differs from the password above."),
        N_("This is not the code that the app shows now."),
        N_("Write a name for the device."),
    }
)
