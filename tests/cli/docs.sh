# Every command in the guides runs: the blocks marked `sh` of each page, in order, in a folder of the page's own. They run
# as they stand, but for `hrm train` and `hrm tune`, which take minutes: options behind those of the page make them small.
. "$(dirname "$0")/lib.sh"
need_device
golden=$SOURCE/tests/golden

hrm() {
    local small=""
    case "$*" in
    "train "*--resume*) small="--time 0.2s" ;;
    "train "*--overfit*) small="$tiny --steps 3000 --lr 3e-3" ;; # an end by time is a failure there
    "tune "*) small="--quick --batch 1" ;;
    "train "*) small="$tiny --steps 100000 --time 0.2s" ;;
    esac
    echo "hrm $*" >>ran
    "$HRM" "$@" $small 2>err || fail "hrm $*: $(cat err)" >&2
    [ ! -s err ] || fail "hrm $*: $(cat err)" >&2
}

pages=0
for page in "$SOURCE"/docs/*.md; do
    name=$(basename "$page" .md)
    mkdir "$name"
    (
        cd "$name"
        # what the pages take for granted
        mkdir checkpoints
        cp "$golden/checkpoint_torch/step_1250" checkpoints/step_26040
        cp "$golden/checkpoint_torch/all_config.yaml" checkpoints
        cp "$golden/data/source/sudoku/train.csv" "$golden/data/source/sudoku/test.csv" .
        for split in train test; do cp "$golden/data/source/maze/$split.csv" maze-$split.csv; done
        ln -s "$SOURCE/samples" samples
        if [ "$name" = checkpoints ]; then cp -r "$golden/data/sudoku" data; fi
        awk '/^```/ { inside = $0 == "```sh"; next } inside' "$page" >commands
        . ./commands >out
        written=$(sed 's/#.*//' commands | grep -o '\bhrm [a-z]' | wc -l)
        [ "$written" -gt 5 ] || fail "$name: only $written commands were found"
        [ "$(wc -l <ran)" -eq "$written" ] || fail "$name: $written commands are written, $(wc -l <ran) ran"
        # links to other files lead somewhere
        for link in $(grep -oE '\]\([^)#]*\)' "$page" | sed 's/^](//; s/)$//' | grep -v '^https'); do
            [ -e "$SOURCE/docs/$link" ] || fail "$name: a link to $link, which is not there"
        done
        echo "$name: $written commands"
    )
    pages=$((pages + 1))
done
[ "$pages" -ge 3 ] || fail "only $pages pages were found"
