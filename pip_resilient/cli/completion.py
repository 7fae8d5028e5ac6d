"""Print what lets a shell complete the words of pip-resilient.

Made from the very arguments that the commands take, so that it cannot be out of
date: the commands, their options, and what an option may be given; files
elsewhere. It is read once, when the shell starts.

The exit code is 0, or 2 for wrong usage.

Examples:
  eval "$(pip-resilient completion bash)"          in ~/.bashrc
  eval "$(pip-resilient completion zsh)"           in ~/.zshrc, behind compinit
  pip-resilient completion fish | source           in ~/.config/fish/config.fish
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pip_resilient.cli.output import Output

NAME = "completion"
HELP = "print the completion for a shell"
SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "pip-resilient"
_ZSH = "autoload -U +X bashcompinit && bashcompinit"  # what bash's scripts call, in zsh
_BASH = """_pip_resilient() {{
    local now=${{COMP_WORDS[COMP_CWORD]}} words=""
    local at="${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD-1]}}"
    [ "$COMP_CWORD" -eq 1 ] && at=""
    case $at in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$now"))
}}
complete -o default -F _pip_resilient {program}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("shell", choices=SHELLS)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the script of a shell."""
    before = [_ZSH] if arguments.shell == "zsh" else []
    write = _fish if arguments.shell == "fish" else _bash
    for line in (*before, *write(arguments.parser)):
        output.verbatim(line)
    return 0


def _bash(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Give the most particular case first: an option's values, then a command's words."""
    cases = [('""', [*_commands(parser), *_words(parser)])]
    for name, command in _commands(parser).items():
        for words, choices, _ in _options(command):
            cases += [(f'"{name} {word}"', choices) for word in words if choices]
        cases.append((f'"{name} "*', [*_words(command), *_positional(command)]))
    lines = [f'        {case}) words="{" ".join(words)}" ;;' for case, words in cases]
    yield from _BASH.format(cases="\n".join(lines), program=_PROGRAM).split("\n")


def _words(parser: argparse.ArgumentParser) -> list[str]:
    return [word for one in _options(parser) for word in one[0]]


def _fish(parser: argparse.ArgumentParser) -> Iterator[str]:
    for name, command in _commands(parser).items():
        first, said = "-n __fish_use_subcommand", _plain(command.description)
        yield f"complete -c {_PROGRAM} -f {first} -a {name} -d '{said}'"
        there = f"complete -c {_PROGRAM} -n '__fish_seen_subcommand_from {name}'"
        for words, choices, said in _options(command):
            flags = " ".join(
                f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}" for one in words
            )
            given = f" -x -a '{' '.join(choices)}'" if choices else ""
            yield f"{there} {flags}{given} -d '{said}'"
        if _positional(command):
            yield f"{there} -f -a '{' '.join(_positional(command))}'"


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (held,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(held.choices)


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[list[str], list[str], str]]:
    """Give each option: how it is spelt, what it may be given, what it is for."""
    for one in parser._actions:
        if one.option_strings:
            choices = [str(choice) for choice in one.choices or ()]
            yield list(one.option_strings), choices, _plain(one.help)


def _plain(text: str | None) -> str:
    """Return the first line of a help text, without what ends a word in fish."""
    return (text or "").split("\n")[0].replace("'", "").replace("\\", "")


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    held = (one for one in parser._actions if not one.option_strings)
    return [str(choice) for one in held for choice in one.choices or ()]
