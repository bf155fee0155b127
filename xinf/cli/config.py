"""`xinf config show | path | validate | schema`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xinf.cli.options import ConfigFile, Json, Set, overrides
from xinf.cli.output import note, show_json

if TYPE_CHECKING:
    from xinf.config.load import Loaded

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at the settings, and check them.",
)


@app.command()
def show(config: ConfigFile = None, set_: Set = None, as_json: Json = False) -> None:
    """Print the settings and where they come from.

    The output is a valid config file. JSON has seconds, bytes and tokens as plain numbers.

    \b
      xinf config show
      XINF_SERVER__PORT=0 xinf config show --json

    \b
    Exit codes: 0 fine, 2 the settings are wrong.
    """
    from xinf.config.layers import tree
    from xinf.config.render import effective, to_toml

    loaded = _load(config, set_)
    if as_json:
        values = effective(loaded.settings, loaded.layer)
        show_json([_entry(loaded, path, value) for path, value in values.items()])
        return
    origins = {path: entry.origin for path, entry in loaded.layer.items()}
    text = to_toml(
        tree(loaded.layer),
        lambda path: "" if origins[path].kind == "default" else origins[path].place,
    )
    print(text, end="")


@app.command()
def path(config: ConfigFile = None) -> None:
    """Print the config file that is used.

    \b
    The first of --config, XINF_CONFIG, ./xinf.toml, $XDG_CONFIG_HOME/xinf/xinf.toml.

    \b
    Exit codes: 0 fine, 2 a file that was named does not exist, 4 there is none, which is fine too.
    """
    from xinf.config.paths import config_places, find_paths

    found = find_paths(os.environ, Path.cwd(), config).config_file
    if found is not None:
        print(found)
        return
    note("no config file; the defaults hold. It would be the first of:")
    for place in config_places(os.environ, Path.cwd()):
        note(f"  {place}")
    raise typer.Exit(4)


@app.command()
def validate(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The file to check; by default the one that is used."),
    ] = None,
) -> None:
    """Check the settings; list all that is wrong.

    Variables of the environment are settings too, and are checked with the file.

    \b
      xinf config validate
      xinf config validate ./new.toml && cp ./new.toml ~/.config/xinf/xinf.toml

    \b
    Exit codes: 0 all is right, 2 something is wrong.
    """
    from xinf.config.problems import ConfigInvalid

    try:
        loaded = _load(file, None)
    except ConfigInvalid as error:
        for problem in error.problems:
            note(f"error: {problem}")
        raise typer.Exit(error.kind.exit_code) from None
    count = len(loaded.settings.models)
    note(f"all is right: {count} {'model' if count == 1 else 'models'} declared")


@app.command()
def schema() -> None:
    """Print a JSON schema of the file, for editors.

    \b
      xinf config schema > xinf.schema.json
      # and as the first line of xinf.toml:  #:schema ./xinf.schema.json

    \b
    Exit codes: 0 fine.
    """
    from xinf.config.schema import json_schema

    show_json(json_schema())


def _load(config: Path | None, set_: list[str] | None) -> Loaded:
    from xinf.config.load import load
    from xinf.config.paths import find_paths

    return load(find_paths(os.environ, Path.cwd(), config), os.environ, overrides(set_))


def _entry(loaded: Loaded, path: tuple[str, ...], value: object) -> dict[str, object]:
    from xinf.config.problems import key_text

    origin = loaded.layer[path].origin
    return {
        "key": key_text(path),
        "value": value,
        "origin": origin.kind,
        "place": origin.place,
    }
