# Removes a folder when nobody holds the other end of standard input any more. usage: sh -c SCRIPT keep FOLDER
trap '' HUP INT TERM
while read -r line; do :; done
rm -rf -- "$1"
