from __future__ import annotations

from iars_admin.reaching import fault_said


def test_a_fault_is_said_in_words_that_tell_what_to_do() -> None:
    assert "read them our digits" in fault_said("http-401")
    assert fault_said("answer-malformed") == "its answer is none that a node gives (answer-malformed)"
    assert fault_said("http-599") == "http-599"
    assert not fault_said("")
