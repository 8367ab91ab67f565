# Runs a command with the mounts of a container: a root file system that cannot be written to (`readOnlyRootFilesystem`), and in it
# what the runtime specification has in every container for Linux, /proc and some devices. Random numbers come from there in a
# static program. Needs root, and a mount namespace of its own.
# usage: sh -c SCRIPT inside ROOT COMMAND [ARGUMENT...]
set -eu
root=$1
shift

mkdir -p "$root/dev" "$root/proc"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
exec "$@"
