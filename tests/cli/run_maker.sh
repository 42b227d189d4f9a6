# Sourced by the scripts on training runs: folders as hrm train writes them, without training.

# make_run FOLDER STEPS DONE LR: a step line every 10 steps up to DONE, a test every 50, and an end line when all are done.
make_run() {
    mkdir -p "$1"
    echo "{\"batch\": 8, \"steps\": $2, \"seed\": 1, \"lr\": $4, \"model\": {\"hidden_size\": 128, \"h_layers\": 2, \"l_layers\": 2}}" >"$1/config.json"
    echo '{"device": {"name": "A device"}, "plan": {"parameters": 612345}}' >"$1/environment.json"
    {
        echo "{\"type\":\"start\",\"device\":{\"name\":\"A device\"},\"config\":{\"steps\":$2}}"
        awk -v done="$3" -v lr="$4" 'BEGIN {
            for (s = 10; s <= done; s += 10) {
                loss = 2 * exp(-s / 300) + 0.2 + 0.02 * sin(s)
                printf "{\"type\":\"step\",\"step\":%d,\"seconds\":%.3f,\"loss\":%.5f,\"token_loss\":%.5f,\"q_halt_loss\":0.1,\"q_continue_loss\":0,\"lr\":%g,\"finished\":8,\"accuracy\":%.4f,\"exact\":%.4f,\"q_halt_accuracy\":0.5,\"segments\":%.2f,\"grad_norm\":%.4f,\"grad_norm_max\":%.4f,\"skipped\":%d,\"idle\":null}\n",
                    s, s * 0.1, loss, loss - 0.1, lr, 1 - loss / 3, 1 - exp(-s / 900), 2 + loss, loss / 4, loss / 3, s % 100 == 90
                if (s % 50 == 0) {
                    exact = 0.5 + 0.3 * sin(s / 120)
                    printf "{\"type\":\"eval\",\"step\":%d,\"seconds\":%.3f,\"puzzles\":100,\"accuracy\":0.9,\"exact\":%.4f,\"task\":0.5,\"segments\":2.5,\"q_halt_accuracy\":0.8,\"best\":%s}\n",
                        s, s * 0.1, exact, (exact > best ? "true" : "false")
                    if (exact > best) best = exact
                }
            }
        }'
        if [ "$3" -eq "$2" ]; then
            echo "{\"type\":\"end\",\"reason\":\"steps\",\"step\":$3,\"seconds\":$3.5,\"ms_per_step\":101.5}"
        fi
    } >"$1/metrics.jsonl"
}
