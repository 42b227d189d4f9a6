# Model files from and to the PyTorch implementation: bit for bit there and back; what a checkpoint does not say is asked for;
# what is no checkpoint is refused in one line, runs nothing and touches nothing. Needs no device.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden/checkpoint_torch
cp -r "$golden" step
chmod -R u+w step
torch=step/step_1250

checksum() { "$HRM" inspect "$1" --json | sed -n 's/^ *"checksum": "\(.*\)",$/\1/p'; }
same_checksum() {
    local a b
    a=$(checksum "$1") b=$(checksum "$2")
    [ -n "$a" ] && [ "$a" = "$b" ] || fail "the checksum of $1 is '$a', of $2 '$b'"
}
no_leftovers() { [ -z "$(find . -name '.*' -type f)" ] || fail "left behind: $(find . -name '.*' -type f)"; }

# ---- there and back
expect_fail 1 "seq_len" "$HRM" convert $torch never.safetensors
expect_ok "$HRM" convert $torch model.safetensors --seq-len 81
expect_line "^model.safetensors: 132674 parameters, written as safetensors" out
same_checksum $torch model.safetensors
expect_ok "$HRM" convert $torch by_data.safetensors --data "$SOURCE/tests/golden/data/sudoku"
cmp model.safetensors by_data.safetensors || fail "--data and --seq-len give other files"
mkdir away
expect_ok "$HRM" convert model.safetensors away/step_7
expect_line "written as a PyTorch checkpoint" out
same_checksum model.safetensors away/step_7
# with an all_config.yaml, unless there is one: enough to come back
[ -s away/all_config.yaml ] || fail "no all_config.yaml was written"
expect_ok "$HRM" convert away/step_7 back.safetensors --seq-len 81 --quiet
[ ! -s out ] || fail "--quiet printed something"
cmp model.safetensors back.safetensors || fail "there and back are other bytes"
cp "$golden/all_config.yaml" away
expect_ok "$HRM" convert model.safetensors away/step_8
cmp away/all_config.yaml "$golden/all_config.yaml" || fail "an all_config.yaml that was there was changed"
cmp away/step_7 away/step_8 || fail "the same model gives another checkpoint"
expect_ok "$HRM" convert away/step_8 back.safetensors --seq-len 81
cmp model.safetensors back.safetensors || fail "there and back are other bytes"
mkdir named
expect_ok "$HRM" convert model.safetensors named/any.safetensors --to torch
cmp away/step_7 named/any.safetensors || fail "--to torch gives another checkpoint than the name"
# the values that the golden files list
expect_ok "$HRM" convert $torch wide.safetensors --seq-len 81 --init-type f32
same_checksum wide.safetensors step/weights.safetensors
# in place, and under any name
cp model.safetensors place
expect_ok "$HRM" convert place place --to safetensors
cmp place model.safetensors || fail "converting in place changed the file"

# ---- without all_config.yaml: what shapes do not say is named, and taken from options
rm away/all_config.yaml
expect_fail 1 "say seq_len, num_heads, h_cycles, l_cycles;" "$HRM" convert away/step_7 never.safetensors
expect_fail 1 "say h_cycles, l_cycles;" "$HRM" convert away/step_7 never.safetensors --seq-len 81 --heads 2
expect_ok "$HRM" convert away/step_7 options.safetensors --seq-len 81 --heads 2 --h-cycles 2 --l-cycles 2
expect_line "the most segments were not told: 16" out
cmp model.safetensors options.safetensors || fail "options and all_config.yaml give other files"
expect_ok "$HRM" convert away/step_7 options.safetensors --seq-len 81 --heads 4 --h-cycles 1 --l-cycles 3 --max-segments 9
expect_ok "$HRM" inspect options.safetensors
for line in "num_heads +4" "h_cycles +1" "l_cycles +3" "halt_max_segments +9"; do expect_line "^  $line$" out; done
[ ! -e never.safetensors ] || fail "an incomplete model was written"

# ---- contradictions: refuse PATTERN COMMAND...: the file in the way of the result stays as it is
refuse() {
    local pattern=$1
    shift
    echo "I was here first" >kept.safetensors
    expect_fail 1 "$pattern" "$HRM" convert "$@"
    [ "$(cat kept.safetensors)" = "I was here first" ] || fail "the file in the way was damaged"
    no_leftovers
}
refuse "num_heads is 2.*4" $torch kept.safetensors --seq-len 81 --heads 4
refuse "h_cycles is 2.*3" $torch kept.safetensors --seq-len 81 --h-cycles 3
refuse "seq_len is 81.*100" model.safetensors kept.safetensors --seq-len 100
refuse "positions" $torch kept.safetensors --seq-len 81 --positions learned
refuse "hidden_size 64 over num_heads 5" away/step_7 kept.safetensors --seq-len 81 --heads 5 --h-cycles 2 --l-cycles 2
expect_fail 2 "seq-len means nothing beside --data" "$HRM" convert $torch never --seq-len 81 --data d
expect_fail 2 "OUT" "$HRM" convert $torch
# an all_config.yaml that says something else: say SED-COMMAND PATTERN
say() {
    sed "$1" "$golden/all_config.yaml" >step/all_config.yaml
    if cmp -s step/all_config.yaml "$golden/all_config.yaml"; then fail "'$1' changes nothing"; fi
    refuse "$2" $torch kept.safetensors --seq-len 81
}
say 's/hidden_size: 64/hidden_size: 128/' 'hidden_size is 64, step/all_config.yaml that it is 128'
say 's/H_layers: 1/H_layers: 2/' 'h_layers is 1, step/all_config.yaml that it is 2'
say 's/expansion: 4/expansion: 8/' 'expansion is 4, step/all_config.yaml that it is 8'
say 's/puzzle_emb_ndim: 64/puzzle_emb_ndim: 32/' 'puzzle_emb_dim is 64'
say 's/pos_encodings: rope/pos_encodings: learned/' 'positions'
say 's/pos_encodings: rope/pos_encodings: alibi/' 'all_config.yaml: arch.pos_encodings is "alibi"'
say 's/num_heads: 2/num_heads: two/' 'all_config.yaml: arch.num_heads is "two"; it must be a whole number'
say 's/num_heads: 2/num_heads: -2/' 'all_config.yaml: arch.num_heads is -2; it must be a whole number'
say 's/num_heads: 2/num_heads: 3/' 'hidden_size 64 over num_heads 3'
say 's/hrm_act_v1@HierarchicalReasoningModel_ACTV1/trm@TinyRecursiveModel/' 'TinyRecursiveModel'
say 's/^arch:/other:/' 'all_config.yaml: there is no mapping "arch"'
say 's/^arch:/arch: [/' 'all_config.yaml:3:11: not valid YAML'
cp "$golden/all_config.yaml" step/all_config.yaml

# ---- types: narrow once, then nothing more is lost
for type in f16 bf16; do
    expect_ok "$HRM" convert model.safetensors $type.safetensors --type $type
    expect_ok "$HRM" inspect $type.safetensors
    expect_line "^  $(echo $type | tr a-z A-Z) +\[11, 64\] +model.inner.embed_tokens.embedding_weight" out
    expect_line "^  BF16 +\[64\] +model.inner.H_init" out
    [ "$(wc -c <$type.safetensors)" -lt "$(($(wc -c <model.safetensors) * 6 / 10))" ] || fail "$type is not smaller"
    expect_ok "$HRM" convert $type.safetensors step/$type --to torch # beside an all_config.yaml
    same_checksum $type.safetensors step/$type
    expect_ok "$HRM" convert step/$type wide_$type.safetensors --type f32 --seq-len 81
    expect_ok "$HRM" convert wide_$type.safetensors narrow.safetensors --type $type
    cmp narrow.safetensors $type.safetensors || fail "$type, f32, $type changed numbers"
done
if [ "$(checksum f16.safetensors)" = "$(checksum bf16.safetensors)" ]; then fail "f16 and bf16 have one checksum"; fi
# f32 says it all: a round trip through it is exact
expect_ok "$HRM" convert model.safetensors wide.safetensors --init-type f32
expect_ok "$HRM" convert wide.safetensors narrow.safetensors --init-type bf16
cmp narrow.safetensors model.safetensors || fail "the initial states changed on their way through f32"

# ---- what is no checkpoint of an HRM
refuse "there is no tensor H_init: these are not the weights of an HRM" step/step_1250_all_preds.0 kept.safetensors
refuse "all_config.yaml" step/all_config.yaml kept.safetensors
refuse "readme|README" "$SOURCE/README.md" kept.safetensors
refuse "folder" . kept.safetensors
refuse "No such file" missing kept.safetensors
: >empty
refuse "empty" empty kept.safetensors
size=$(wc -c <$torch)
for bytes in 1 4 30 1000 3000 $((size / 2)) $((size - 1000)) $((size - 22)) $((size - 1)); do
    head -c "$bytes" $torch >step/cut
    refuse "step/cut" step/cut kept.safetensors --seq-len 81
done
# one bit of a value: the archive's checksums notice
cp $torch step/flipped
printf '\377' | dd of=step/flipped bs=1 seek=$((size / 2)) conv=notrunc status=none
if cmp -s $torch step/flipped; then fail "the byte was 255 before"; fi
refuse "record \"step_1250/data/[0-9]+\" is damaged: CRC error" step/flipped kept.safetensors --seq-len 81
expect_fail 1 "folder" "$HRM" convert $torch away --seq-len 81
expect_fail 1 "not_there" "$HRM" convert $torch not_there/model.safetensors --seq-len 81
no_leftovers

# ---- pickles that would run something: none does. An archive of one stored record is made by hand.
bytes() { # COUNT VALUE: little-endian
    local i
    for ((i = 0; i < $1; i++)); do printf "\\$(printf %03o $(($2 >> 8 * i & 255)))"; done
}
archive() { # PICKLE OUT
    local name=archive/data.pkl size crc=pickle.crc
    size=$(wc -c <"$1")
    gzip -c "$1" | tail -c 8 | head -c 4 >$crc # the first half of what ends a gzip file
    {
        printf 'PK\003\004' && bytes 2 20 && bytes 8 0 && cat $crc && bytes 4 "$size" && bytes 4 "$size"
        bytes 2 ${#name} && bytes 2 0 && printf %s $name && cat "$1"
        printf 'PK\001\002' && bytes 2 20 && bytes 2 20 && bytes 8 0 && cat $crc && bytes 4 "$size" && bytes 4 "$size"
        bytes 2 ${#name} && bytes 12 0 && bytes 4 0 && printf %s $name
        printf 'PK\005\006' && bytes 4 0 && bytes 2 1 && bytes 2 1 && bytes 4 $((46 + ${#name}))
        bytes 4 $((30 + ${#name} + size)) && bytes 2 0
    } >"$2"
}
evil() { # PATTERN, the pickle on standard input
    cat >evil.pkl
    archive evil.pkl evil.pt
    refuse "$1" evil.pt kept.safetensors --seq-len 81
    expect_fail 1 "$1" "$HRM" inspect evil.pt
    [ ! -e victim ] || fail "the pickle was executed"
}
printf '\200\002}.' >evil.pkl # an empty dict
archive evil.pkl sound.pt
expect_ok "$HRM" inspect sound.pt # so what is refused below is the pickle
expect_line "^sound.pt: PyTorch checkpoint, [0-9]+ B, 0 tensors" out
printf '\200\002cos\nsystem\nX\014\000\000\000touch victim\205R.' | evil "os.system"
printf '\200\002cposix\nsystem\nX\014\000\000\000touch victim\205R.' | evil "posix.system"
printf '\200\004\214\010builtins\214\004eval\223\214\00410+1\205R.' | evil "builtins.eval"
printf '\200\002(X\014\000\000\000touch victimios\nsystem\n.' | evil "byte 20: opcode INST is not allowed"
printf '\200\002c__builtin__\ngetattr\nctorch._utils\n_rebuild_tensor_v2\nX\013\000\000\000__globals__\206R.' |
    evil "__builtin__.getattr"
printf '\200\002ctorch._utils\n_rebuild_tensor_v2\nX\014\000\000\000touch victim\205R.' |
    evil "byte 53: a tensor is not built from storage, offset, shape and strides"
printf '\200\002]q\000h\000a.' | evil "byte [0-9]+" # a list that holds itself
printf '\200\002X\377\377\377\177.' | evil "byte [0-9]+" # a text of 2 GiB
printf '\200\002' | evil "byte [0-9]+|ends"
# a pickle without an archive, as PyTorch wrote before 1.6, and a program
printf '\200\002\212\012l\374\234F\371 j\250P\031.\200\002M\351\003.' >legacy.pt
refuse "legacy.pt" legacy.pt kept.safetensors
cp "$HRM" program.pt
refuse "program.pt" program.pt kept.safetensors
