"""``python -m plugin``: the same as the ``almoner`` command."""

from plugin.cli import main

if __name__ == "__main__":
    main()
