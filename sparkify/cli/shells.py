"""The shells' side of completion: click's own breaks words at `:` and `=` in bash, and at `,` in fish.

So it would complete no `--reason missing:u`, no `--tables users,so` and no `--level=p`. Only a shell that completes
imports this.
"""

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)


class _Bash(BashComplete):
    """Gets the whole line, and the part of its last word that bash takes for the word."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' one
    COMPREPLY=()
    for one in $(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="$2" %(complete_var)s=bash_complete "$1"); do
        case $one in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${one#*,}") ;;
        esac
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        if line[-1:].isspace():
            words.append("")
        *arguments, incomplete = words or [""]
        return arguments, incomplete

    def complete(self) -> str:
        """What stands before the shell's word is left out."""
        arguments, word = self.get_completion_args()
        before = (word.partition("=")[2] if word.startswith("--") and "=" in word else word).removesuffix(
            os.environ["COMP_CWORD"]
        )
        found = self.get_completions(arguments, word)
        return "\n".join(f"{one.type},{one.value.removeprefix(before)}" for one in found)


class _Fish(FishComplete):
    source_template = FishComplete.source_template.replace(
        'string split "," $completion', 'string split --max 1 "," $completion'
    )

    def format_completion(self, item: CompletionItem) -> str:
        """Of `--option=word` fish takes the whole for the word."""
        option, equals, _ = os.environ["COMP_CWORD"].partition("=")
        if equals and option.startswith("--") and item.type == "plain":
            item = CompletionItem(f"{option}={item.value}", help=item.help)
        return super().format_completion(item)


class _Zsh(ZshComplete):
    source_template = ZshComplete.source_template.replace(
        "    for type key descr", '    [[ "${words[CURRENT]}" == --*=* ]] && compset -P "*="\n\n    for type key descr'
    )


def use_shells() -> None:
    """From now on click completes with these."""
    for kind in (_Bash, _Fish, _Zsh):
        add_completion_class(kind)
