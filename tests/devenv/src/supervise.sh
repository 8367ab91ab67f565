# Runs one program and ends it when standard input closes, that is, when whoever holds the other end is done or dead.
# usage: sh -c SCRIPT supervise LOG GRACE PROGRAM [ARGUMENT...]
# GRACE: tenths of a second between TERM and KILL; 0 kills at once. Writes the program's pid to standard output; exits as the program does.
log=$1
grace=$2
shift 2

# Only the pipe decides. These reach us when the terminal or the session goes; the pipe closes then, too.
trap : HUP INT TERM

exec 3<&0 </dev/null
(exec "$@" >>"$log" 2>&1 3<&-) &
program=$!
echo "$program"
exec >/dev/null

(
    trap '' HUP INT
    while read -r line; do :; done
    if [ "$grace" -gt 0 ]; then
        kill -s TERM "$program"
        # A stopped program sees TERM only when it is continued.
        kill -s CONT "$program"
        while [ "$grace" -gt 0 ] && kill -0 "$program"; do
            sleep 0.1
            grace=$((grace - 1))
        done
    fi
    kill -s KILL "$program"
) <&3 2>/dev/null &
watcher=$!
exec 3<&-

# A signal of our own ends `wait` early; the program is gone only when its pid is.
while :; do
    wait "$program"
    status=$?
    kill -0 "$program" 2>/dev/null || break
done
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
