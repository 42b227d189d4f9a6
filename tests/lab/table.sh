#!/bin/sh
# The lab's results as Markdown: ctest's JUnit files as a table device x suite, and the compilers' records as two more.
#   table.sh RECORDS [TITLE JUNIT-FILE]...
# A cell says how many tests passed, failed and were skipped (the driver or the chip is not there).
set -eu
records=$1
shift
echo "## Devices and suites"
while [ $# -ge 2 ]; do
    echo
    echo "### $1"
    echo
    sed -n 's/.*<testcase name="\([^"]*\)".* status="\([^"]*\)".*/\1 \2/p' "$2" | awk '
    {
        name = $1; status = $2
        variant = "default device"; suite = name; sub(/\/.*/, "", suite)
        if (name ~ /@/) { variant = name; sub(/.*@/, "", variant); sub(/^lab-/, "", variant) }
        else if (suite ~ /^(base|io|data|viz|fuzz|cli|api)$/) variant = "no device needed, or the default"
        if (suite == "lab") {
            sub(/^lab\//, "", name)
            suite = name ~ /_program$/ ? "program" : "kernels"
            variant = name; sub(/_program$/, "", variant); sub(/_/, " ", variant)
            if (name ~ /^fault_/) { variant = "planted faults"; suite = "program" }
            if (name ~ /^(limits|refusals)$/) { variant = "devices below the minimum"; suite = "program" }
            if (name == "two_devices") { variant = "lavapipe + SwiftShader in one process"; suite = "program" }
        }
        if (name ~ /\/absent$/) { variant = suite ", which is absent"; suite = "program" }
        if (suite ~ /^(base|io|data|viz|fuzz|api)$/) suite = "host"
        if (!(variant in seen)) { seen[variant] = 1; order[++count] = variant }
        if (status == "run") ok[variant, suite]++
        else if (status == "fail") bad[variant, suite]++
        else skip[variant, suite]++
    }
    function cell(v, s,  text) {
        text = (v, s) in ok ? ok[v, s] " ok" : ""
        if ((v, s) in bad) text = text (text ? ", " : "") "**" bad[v, s] " failed**"
        if ((v, s) in skip) text = text (text ? ", " : "") skip[v, s] " skipped"
        return text ? text : "-"
    }
    END {
        n = split("host gpu ops model train cli kernels program", suites)
        printf "| device |"; for (i = 1; i <= n; i++) printf " %s |", suites[i]; print ""
        printf "| --- |"; for (i = 1; i <= n; i++) printf " --- |"; print ""
        for (k = 1; k <= count; k++) {
            printf "| %s |", order[k]
            for (i = 1; i <= n; i++) printf " %s |", cell(order[k], suites[i])
            print ""
        }
    }'
    shift 2
done

echo
echo "## Compilers, all rows that the chip runs"
echo
echo "Most registers and shared memory, least occupancy (subgroups in flight on a SIMD; where the driver says so) and where."
echo
echo "| chip and Mesa | pipelines | spills | most VGPRs | most shared memory | least occupancy | subgroup sizes |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
for record in "$records"/*.tsv; do
    [ -e "$record" ] || continue
    awk -F '\t' -v name="$(basename "$record" .tsv)" '
    /^#/ { next }
    $1 == "row" { for (i = 2; i <= NF; i++) column[$i] = i; next }
    function value(c) { return $(column[c]) }
    {
        n++; spills += value("spills") == "-" ? 0 : value("spills")
        sizes[value("subgroup")]++
        if (value("vgprs") != "-" && value("vgprs") + 0 > vgprs) { vgprs = value("vgprs") + 0; vgprs_at = $1 }
        if (value("lds") != "-" && value("lds") + 0 > lds) lds = value("lds") + 0
        if (value("occupancy") != "-" && (least == "" || value("occupancy") + 0 < least)) {
            least = value("occupancy") + 0; least_at = $1
        }
    }
    END {
        text = ""
        for (s = 4; s <= 128; s *= 2) if (s in sizes) text = text (text ? ", " : "") s " (" sizes[s] ")"
        printf "| %s | %d | %d | %s | %s | %s | %s |\n", name, n, spills, vgprs == "" ? "-" : vgprs " " vgprs_at,
            lds == "" ? "-" : lds, least == "" ? "-" : least " " least_at, text
    }' "$record"
done

echo
echo "## The heavy kernels, chip by chip"
echo
echo "Lanes: VGPRs / bytes of shared memory / occupancy / latency in cycles as the compiler estimates it (- where it says"
echo "nothing). Every row is in records/."
rows="matmul_tile_vec4_nt@64 matmul_tile_vec4_nn@64 matmul_tile_vec4_tn@64 attention_fwd_tiles@64 attention_bwd_q_tiles@64 \
attention_bwd_kv_tiles@64 rms_norm_fwd_vec4 swiglu_bwd_vec4 adam_atan2_vec4"
echo
printf '| chip and Mesa |'
for row in $rows; do printf ' %s |' "$row"; done
printf '\n| --- |'
for row in $rows; do printf ' --- |'; done
echo
for record in "$records"/*.tsv; do
    [ -e "$record" ] || continue
    printf '| %s |' "$(basename "$record" .tsv)"
    for row in $rows; do
        awk -F '\t' -v row="$row" '
        $1 == "row" { for (i = 2; i <= NF; i++) column[$i] = i; next }
        { key = $1; sub(/\/[0-9]*$/, "", key) }
        key == row {
            width = $1
            sub(/.*\//, "", width)
            printf "%s %s: %s / %s / %s / %s", text ? ";" : "", width, $(column["vgprs"]), $(column["lds"]),
                $(column["occupancy"]), $(column["latency"])
            text = 1
        }
        END { printf " |" }' "$record"
    done
    echo
done
