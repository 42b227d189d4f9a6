# Mazes that are none: each is refused with place and reason, and nothing is drawn. Needs no device.
. "$(dirname "$0")/lib.sh"

refuse() { # NAME PATTERN, the text on standard input
    cat >"$1.txt"
    expect_fail 1 "$2" "$HRM" render "$1.txt" -o made.png
    expect_fail 1 "$2" "$HRM" solve "$1.txt" --model "$SOURCE/README.md"
    [ ! -e made.png ] || fail "a picture was made"
}

printf '####\n#  G\n####\n' | refuse no_start "no start 'S'"
printf '####\n#S #\n####\n' | refuse no_goal "no goal 'G'"
printf '####\n#SGG\n####\n' | refuse two_goals "two_goals.txt:2:4: a second goal"
printf '####\n#SGS\n####\n' | refuse two_starts "two_starts.txt:2:4: a second start"
printf '####\n#SG\n####\n' | refuse ragged "ragged.txt:2:4: the row is 3 characters long"
printf '####\n#SG##\n####\n' | refuse ragged_long "ragged_long.txt:2:5: the row is 5 characters long"
printf '####\n#SGx\n####\n' | refuse unknown "unknown.txt:2:4: unknown character 'x'"
printf '#\t##\n' | refuse tab "a tab"
printf '' | refuse empty "empty"
printf '\n\n   \n' | refuse blank "no maze found"
printf 'S\0G\n' | refuse nul "unknown character byte 0x00"
head -c 1000000 /dev/zero | tr '\0' '#' | refuse million "1000000|at most"
head -c 1000000 /dev/zero | tr '\0' '\n' | refuse newlines "no maze found|at most"
head -c 65536 "$HRM" | refuse noise "unknown character|too|at most|long|no column|cells"
expect_fail 1 "cannot open missing.txt" "$HRM" render missing.txt -o made.png
expect_fail 1 "folder|directory" "$HRM" render . -o made.png

# good ones, from a file and from standard input
expect_ok "$HRM" render "$SOURCE/samples/mazes/one.txt" -o one.png
expect_picture png one.png
"$HRM" render - -o stdin.png <"$SOURCE/samples/mazes/one.txt" >out 2>err || fail "standard input was refused"
cmp one.png stdin.png || fail "the picture from standard input differs"
expect_ok "$HRM" render "$SOURCE/samples/mazes/six.txt" -o six.png
for i in 1 2 3 4 5 6; do expect_picture png "six-$i.png"; done
[ ! -e six.png ] || fail "an unnumbered picture was made"

# a picture that cannot be written leaves the one that is there alone
expect_fail 1 "not_there" "$HRM" render "$SOURCE/samples/mazes/one.txt" -o not_there/one.png
expect_fail 1 "file|folder|directory" "$HRM" render "$SOURCE/samples/mazes/one.txt" -o one.png/two.png
cp one.png kept.png
printf 'S\n' >bad.txt
expect_fail 1 "no goal" "$HRM" render bad.txt -o one.png
cmp one.png kept.png || fail "the good picture was damaged"
