#!/bin/bash
# Runs inside of the booted container: see service.py. Says "proved" at its end.
set -eu

must() {
    echo "$*"
    "$@"
}
# The next line of the unit's journal that has these words, also when it is there already.
says() {
    grep -m 1 -- "$1" < <(journalctl --unit fluxion --lines all --follow --output cat)
}
property() {
    systemctl show --property "$1" --value fluxion
}

says "listening on ws://127.0.0.1:8080"
must fluxion health
pid=$(property MainPID)
must [ "$(stat -c %u "/proc/$pid")" -ge 61184 ] # the first of the dynamic users
must grep -E 'CapEff:.0+$' "/proc/$pid/status"
must grep -E 'Max open files +([0-9]+) +\1 ' "/proc/$pid/limits" # it need not raise it
must grep -E 'Seccomp:.2' "/proc/$pid/status"
must [ "$(stat -Lc %a /var/lib/fluxion)" = 700 ]
must [ -s /var/lib/fluxion/lock ]

# An insert and a query by a pattern, under all the restrictions. A mask of zeros changes nothing.
send() {
    printf "\\x81\\x$(printf %x $((128 + ${#1})))\\0\\0\\0\\0%s" "$1" >&3
}
answers() {
    local text
    LC_ALL=C read -r -t 30 -d '}' -u 3 text
    must [ "${text: -${#1}}" = "$1" ]
}
exec 3<> /dev/tcp/127.0.0.1/8080
printf '%s\r\n' "GET /?api-key=$(cat /etc/fluxion/secret-key) HTTP/1.1" "Host: localhost" \
    "Upgrade: websocket" "Connection: Upgrade" "Sec-WebSocket-Version: 13" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" "" >&3
answers '"durable":true'
send '{"id":"1","type":"ins","data":[{"col":"c","doc":"d","ts":7,"data":"x"}]}'
answers '"seq":1'
send '{"id":"2","type":"qry","data":{"col":"c","ts":9,"doc":"/^[a-f]$/"}}'
answers '"records":{"d":{"ts":7,"data":"x"'
exec 3>&-

must systemctl stop fluxion
must [ "$(property Result)" = success ]
must [ "$(property ExecMainStatus)" = 0 ]
says '^stopped$\| stopped$'

echo FLUXION_DATA=/nowhere/at/all > /etc/default/fluxion
must systemctl start fluxion
says "Failed with result 'exit-code'"
must [ "$(property ExecMainStatus)" = 2 ]
must [ "$(property NRestarts)" = 0 ]
must [ "$(property ActiveState)" = failed ]

# A server that died is started again, with the data that it had.
rm /etc/default/fluxion
must systemctl start fluxion
pid=$(property MainPID)
must kill -KILL "$pid"
says "Scheduled restart job, restart counter is at 1"
until [ "$(property MainPID)" != "$pid" ] && fluxion health; do :; done
must systemctl stop fluxion
echo proved
