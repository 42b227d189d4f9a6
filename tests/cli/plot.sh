# Curves of training runs: one, several, resumed, torn and damaged ones; pictures are whole or not there. Needs no device.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/run_maker.sh"

# a PNG's width and height stand in bytes 16 to 23, big-endian
expect_size() { # FILE WIDTH HEIGHT
    local size
    expect_picture png "$1"
    size=$(od -An -j 16 -N 8 -t u1 "$1" | awk '{ print $3 * 256 + $4 "x" $7 * 256 + $8 }')
    [ "$size" = "$2x$3" ] || fail "$1 is $size, not $2x$3"
}
expect_svg() { # FILE
    head -n 2 "$1" | grep -q '<svg xmlns="http://www.w3.org/2000/svg"' || fail "$1 does not begin as SVG"
    [ "$(tail -n 1 "$1")" = "</svg>" ] || fail "$1 does not end as SVG"
    if command -v xmllint >/dev/null; then xmllint --noout "$1" || fail "$1 is not well-formed"; fi
}

# one run: both files into its folder
make_run runs/a 1000 1000 1e-4
expect_ok "$HRM" plot runs/a
[ "$(cat out)" = "runs/a/plot.png
runs/a/plot.svg" ] || fail "not the two names"
expect_size runs/a/plot.png 1600 1000
expect_svg runs/a/plot.svg
for text in Loss Accuracy Segments "Learning rate" "Gradient norm" "best 79.9% at 950" "step 1000 of 1000" "A device"; do
    grep -qF "$text" runs/a/plot.svg || fail "the picture does not say '$text'"
done
if grep -q "Device idle" runs/a/plot.svg; then fail "a panel for what was not measured"; fi
cp runs/a/plot.png first.png
cp runs/a/plot.svg first.svg
expect_ok "$HRM" plot runs/a/ --quiet
[ ! -s out ] || fail "--quiet says something"
cmp first.png runs/a/plot.png && cmp first.svg runs/a/plot.svg || fail "the same run gives another picture"

# options
expect_ok "$HRM" plot runs/a -o one.png --size 900x700 --x time --smooth 0 --log-loss
[ "$(cat out)" = one.png ] || fail "not the one name"
expect_size one.png 900 700
expect_ok "$HRM" plot runs/a -o large.png --size 900x700 --scale 2
expect_size large.png 1800 1400
expect_ok "$HRM" plot runs/a -o one.SVG --title 'a <b> & "c"'
expect_svg one.SVG
grep -qF '>a &lt;b&gt; &amp; "c"</text>' one.SVG || fail "the title is not there"

# several runs: into the present folder, each by its name, or by what differs
make_run runs/b 1000 400 2e-4
make_run more/a 1000 700 3e-4
expect_ok "$HRM" plot runs/a runs/b more/a
expect_size plot.png 1600 1000
expect_svg plot.svg
grep -qF '>a, lr 0.0001 (best ' plot.svg || fail "the first run is not named"
grep -qF '>a, lr 0.0003 (best ' plot.svg || fail "the third run is not named"
grep -qF '>b (best ' plot.svg || fail "the second run is not named"
expect_ok "$HRM" plot runs/a runs/a -o twice.svg
grep -qF '>runs/a (best ' twice.svg || fail "equal runs are not named by their paths"

# the least there can be
mkdir -p small
echo '{"type":"step","step":1}' >small/metrics.jsonl
expect_ok "$HRM" plot small -o small.svg
[ "$(grep -c '>no data<' small.svg)" -eq 4 ] || fail "not four empty panels"
echo '{"type":"step","step":1,"loss":null,"lr":0,"exact":0.5,"accuracy":"x","seconds":[]}' >small/metrics.jsonl
expect_ok "$HRM" plot small -o small.png --log-loss --x steps

# torn at its end, as a run that writes right now: as if the line were not there
cp -r runs/a torn
printf '{"type":"step","step":1010,"loss":9' >>torn/metrics.jsonl
expect_ok "$HRM" plot torn --title a
sed 's/<title>.*//' torn/plot.svg >torn.svg
"$HRM" plot runs/a --title a -q
sed 's/<title>.*//' runs/a/plot.svg | cmp - torn.svg || fail "a torn line changed the picture"

# resumed at an earlier step: the later lines count
cp -r runs/a resumed
{
    grep -v '"end"' runs/a/metrics.jsonl
    echo '{"type":"resume","after_step":500,"config":{}}'
    awk -F'"step":' '/"step":/ { split($2, n, ","); if (n[1] > 500) print }' runs/a/metrics.jsonl
} >resumed/metrics.jsonl
expect_ok "$HRM" plot resumed --title a
sed 's/<title>.*//' resumed/plot.svg | cmp - torn.svg || fail "repeated steps changed the picture"

# damaged in the middle: one warning that names the first line and counts
cp -r runs/a damaged
sed -i -e '5s/.*/{"type":"step","step":/' -e '9s/.*/[]/' -e '12s/.*/{"type":"eval"}/' damaged/metrics.jsonl
"$HRM" plot damaged >out 2>err || fail "a damaged line stopped the plot"
[ "$(wc -l <err)" -eq 1 ] || fail "not one warning: $(cat err)"
grep -q "^hrm plot: damaged/metrics.jsonl, line 5: .*3 such lines" err || fail "the warning is: $(cat err)"
cp -r runs/a odd
echo '{' >odd/config.json
printf '\0\377\n' >>odd/metrics.jsonl
head -c 3000 /dev/urandom | tr -d '\n' >>odd/metrics.jsonl
"$HRM" plot odd >out 2>err || fail "bytes that are no text stopped the plot"
grep -q "odd/config.json, line [0-9]*: " err || fail "the damaged config.json was not named"

# what cannot be drawn or written
expect_fail 1 "missing: No such file" "$HRM" plot missing
expect_fail 1 "metrics.jsonl is a file; the folder of a run" "$HRM" plot runs/a/metrics.jsonl
expect_fail 1 "runs is not the folder of a run" "$HRM" plot runs
mkdir empty waiting
: >empty/metrics.jsonl
echo '{"type":"start"}' >waiting/metrics.jsonl
expect_fail 1 "empty has nothing to draw" "$HRM" plot empty
expect_fail 1 "waiting has nothing to draw" "$HRM" plot runs/a waiting
mkdir -p folder/metrics.jsonl
expect_fail 1 "folder/metrics.jsonl cannot be read: Is a directory" "$HRM" plot folder
mkdir pipe
mkfifo pipe/metrics.jsonl
expect_fail 1 "pipe/metrics.jsonl cannot be read" timeout 20 "$HRM" plot pipe
echo "I am a file" >file
expect_fail 1 "file/x.png" "$HRM" plot runs/a -o file/x.png
expect_fail 1 "no_folder/x.svg" "$HRM" plot runs/a -o no_folder/x.svg
expect_fail 1 "/proc/hrm.png" "$HRM" plot runs/a -o /proc/hrm.png
expect_fail 1 "too little room for 5 panels" "$HRM" plot runs/a -o made.png --size 300x200
expect_fail 2 "does not end in .png or .svg" "$HRM" plot runs/a -o made.gif
expect_fail 2 "size: '5x' is not a size" "$HRM" plot runs/a -o made.png --size 5x
expect_fail 2 "size: '900x700x3' is not a size" "$HRM" plot runs/a -o made.png --size 900x700x3
expect_fail 2 "smooth: '1' is out of range" "$HRM" plot runs/a -o made.png --smooth 1
expect_fail 2 "x: 'hours' is not one of steps, time" "$HRM" plot runs/a -o made.png --x hours
expect_fail 2 "RUN.* missing" "$HRM" plot
[ ! -e made.png ] || fail "something was made"
expect_ok "$HRM" help plot
expect_line "^usage: hrm plot" out

# the public functions alone
expect_ok "$SAMPLE_PLOT_RUN" runs/a sample.svg
expect_svg sample.svg
grep -qF ">loss<" sample.svg || fail "the sample drew no loss"
if "$SAMPLE_PLOT_RUN" missing x.svg >out 2>err; then fail "the sample took a missing run"; fi
[ "$(wc -l <err)" -eq 1 ] || fail "the sample did not say one line"

# a full disk: what was there stays. A small tmpfs in a mount namespace of its own, as in full_disk.sh
map=--map-root-user
if [ "$(id -u)" -eq 0 ]; then map=""; fi
if unshare --mount $map true 2>/dev/null; then
    mkdir disk
    unshare --mount $map bash -eu -c '
        mount -t tmpfs -o size=64k none disk
        cp -r runs/b disk/b
        echo old >disk/b/plot.png
        head -c 1000000 /dev/zero >disk/filling 2>/dev/null || true
        if "$0" plot disk/b >out 2>err; then exit 3; fi
        [ "$(cat disk/b/plot.png)" = old ]
        [ "$(find disk -name ".*" -type f | wc -l)" -eq 0 ]' "$HRM" || fail "on a full disk: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "not one line: $(cat err)"
    grep -q "plot.png.*No space left" err || fail "the line is: $(cat err)"
else
    echo "this machine lets us mount nothing of our own: a full disk was not checked"
fi
