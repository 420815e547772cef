"""The command `iars`, as it is started."""

import gc


def main() -> None:
    """Read the program, then run the command line."""
    # What is made meanwhile stays: to look for garbage in it took a third of the time before a command began.
    gc.disable()
    from iars_admin import cli  # noqa: PLC0415 - this is what is made

    gc.freeze()
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
