"""The command ``mlmzoo upload``."""

from __future__ import annotations

import click

from mlmzoo.cli import options


@click.command("upload")
@click.argument("directory", metavar="PRESET_DIR")
@click.argument("handle")
@click.option(
    "--private/--public",
    "private",
    default=True,
    help="Who may see a repository that is made for it. One that is there stays as it is.  "
    "[default: private]",
)
@click.option("--message", metavar="TEXT", help="What the history there is to say.")
@click.option(
    "--license",
    metavar="TEXT",
    help="The licence, by the name that the hub has for it; none is stated without.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@options.debug
def command(
    directory: str,
    handle: str,
    private: bool,
    message: str | None,
    license: str | None,
    dry_run: bool,
) -> None:
    """Send the preset in PRESET_DIR to HANDLE: hf://org/name[@branch] or
    kaggle://org/model/framework/variation. Files that do not belong to it stay here.
    """
    from mlmzoo.cli.output import console, table
    from mlmzoo.tasks.uploading import plan

    upload = plan(directory, handle, license)
    screen = console()
    sizes = {name: path.stat().st_size for name, path in upload.paths.items()}
    sizes["together"] = sum(sizes.values())
    rows = [(name, f"{size:,}") for name, size in sizes.items()]
    screen.print(table(["file", ">bytes"], rows))
    if upload.left_out:
        screen.print(f"Left out: {', '.join(upload.left_out)}")
    if dry_run:
        screen.print(f"Nothing was sent to {handle}.")
        return
    there = upload.send(public=not private, message=message)
    screen.print(f'It is there: MaskedLM.from_preset("{there}")')
