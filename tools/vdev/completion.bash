# SPDX-License-Identifier: BSD-2-Clause
# Completion of `vdev` for bash. No more is completed than `--help` says there is.

# Lines that compgen made of the word that is typed.
_vdev_reply()
{
    mapfile -t COMPREPLY < <(compgen "$@" -- "$current")
}

_vdev()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} every process device='' i
    every='--socket --fd --queue-size --help'
    process='--log --sandbox --user --ready-fd --poll-us'
    COMPREPLY=()

    # Where words break at `=`, the option is one further back.
    if [[ $current == '=' ]]; then
        current=''
    elif [[ $previous == '=' ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    if [[ $COMP_CWORD -eq 1 ]]; then
        _vdev_reply -W 'serve stat --help --version'
        return
    fi
    if [[ $command == stat ]]; then
        if [[ $current == -* ]]; then
            _vdev_reply -W '--json --help'
        else
            compopt -o filenames 2>/dev/null
            _vdev_reply -f
        fi
        return
    fi
    if [[ $command != serve ]]; then
        return
    fi

    # The last device named: after `serve`, or after a `--`.
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [[ $i -eq 2 || ${COMP_WORDS[i - 1]} == -- ]]; then
            device=${COMP_WORDS[i]}
        fi
    done

    case $previous in
    serve | --)
        if [[ $previous == -- || $COMP_CWORD -eq 2 ]]; then
            _vdev_reply -W 'block console net --help'
            return
        fi
        ;;
    --socket | --image | --link | --listen | --stream)
        compopt -o filenames 2>/dev/null
        _vdev_reply -f
        return
        ;;
    --log)
        _vdev_reply -W 'error info debug'
        return
        ;;
    --sandbox)
        _vdev_reply -W 'on off strict'
        return
        ;;
    --user)
        _vdev_reply -u
        return
        ;;
    --tap)
        local -a interfaces=(/sys/class/net/*)
        _vdev_reply -W "${interfaces[*]##*/}"
        return
        ;;
    --fd | --queue-size | --queues | --serial | --mac | --mtu | --ready-fd | --poll-us)
        return
        ;;
    esac

    case $device in
    block)
        _vdev_reply -W "$every --image --read-only --direct --serial --queues $process --"
        ;;
    console)
        _vdev_reply -W "$every --pty --link --stdio --listen $process --"
        ;;
    net)
        _vdev_reply -W "$every --tap --stream --mac --mtu $process --"
        ;;
    esac
}

complete -F _vdev vdev
