"""``python -m intake`` is the ``intake`` command."""

from intake.cli.app import main

if __name__ == "__main__":
    main()
