"""``python -m allocator`` is the command line."""

from allocator.cli import app

if __name__ == "__main__":
    app(prog_name="allocator")
