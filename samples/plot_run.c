/* Draws the loss of a training run, as an example of plots with the public functions.
 *   plot_run RUN OUT.svg|OUT.png         Build: cc plot_run.c -lhrm
 * RUN is the folder that hrm train wrote; `hrm plot` draws far more of it. */
#include <hrm/hrm.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 100000 };
static double steps[MOST], losses[MOST];

/* The number behind `name` in a line of metrics.jsonl; 0 where it is null or not there. */
static int find_number(const char *line, const char *name, double *out) {
    const char *at = strstr(line, name);
    return at && sscanf(at + strlen(name), "%lf", out) == 1;
}

/* Lines with a step and a loss are those of training; the file has lines of tests and others too. */
static uint32_t read_run(FILE *file) {
    char line[4096];
    uint32_t n = 0;
    while (n < MOST && fgets(line, sizeof line, file))
        if (find_number(line, "\"step\":", &steps[n]) && find_number(line, "\"loss\":", &losses[n])) n++;
    return n;
}

int main(int argc, char **argv) {
    char path[4096];
    if (argc != 3) {
        fprintf(stderr, "usage: %s RUN OUT.svg|OUT.png\n", argv[0]);
        return 2;
    }
    snprintf(path, sizeof path, "%s/metrics.jsonl", argv[1]);
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return 1;
    }
    hrm_plot_series series = HRM_INIT(hrm_plot_series); /* a picture has panels, a panel has series */
    series.label = "loss";
    series.x = steps;
    series.y = losses;
    series.count = read_run(file);
    series.smooth = 0.9f;
    fclose(file);
    hrm_plot_panel panel = HRM_INIT(hrm_plot_panel);
    panel.x_label = "step";
    panel.log_y = 1;
    panel.series = &series;
    panel.series_count = 1;
    hrm_plot_config config = HRM_INIT(hrm_plot_config);
    config.width = 900;
    config.height = 600;
    config.title = argv[1];
    config.panels = &panel;
    config.panel_count = 1;
    const char *dot = strrchr(argv[2], '.');
    hrm_status status =
        dot && strcmp(dot, ".svg") == 0 ? hrm_plot_svg(&config, argv[2]) : hrm_plot_png(&config, argv[2]);
    if (status != HRM_OK) fprintf(stderr, "%s: %s\n", hrm_status_text(status), hrm_last_error());
    return status == HRM_OK ? 0 : 1;
}
