#include <hrm/plot.h>

#include <stdlib.h>

#include "base/config_copy.h"
#include "base/file_write.h"
#include "viz/plot.h"

/* Entry i of the caller's array, whose entries have the caller's size. */
static const void *entry_of(const void *array, uint32_t struct_size, uint32_t i) {
    return (const unsigned char *)array + (size_t)i * struct_size;
}

/* Brings the series of a panel to this library's size; `out` is freed by the caller. */
static hrm_status copy_series(const hrm_plot_panel *panel, hrm_plot_series **out) {
    *out = NULL;
    if (panel->series_count == 0 || !panel->series) return HRM_OK;
    hrm_plot_series *series = calloc(panel->series_count, sizeof *series);
    if (!series) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "plot: no host memory for %u series", panel->series_count);
    *out = series;
    hrm_status status = HRM_OK;
    for (uint32_t i = 0; status == HRM_OK && i < panel->series_count; i++)
        status = hrm_config_copy(entry_of(panel->series, panel->series[0].struct_size, i), &series[i], sizeof *series,
                                 "hrm_plot_series");
    return status;
}

static void free_panels(hrm_plot_panel *panels, uint32_t count) {
    for (uint32_t i = 0; panels && i < count; i++) free((void *)(uintptr_t)panels[i].series);
    free(panels);
}

static hrm_status copy_panels(const hrm_plot_config *config, hrm_plot_panel **out) {
    *out = NULL;
    if (config->panel_count == 0 || !config->panels) return HRM_OK;
    hrm_plot_panel *panels = calloc(config->panel_count, sizeof *panels);
    if (!panels) return hrm_fail(HRM_ERR_OUT_OF_MEMORY, "plot: no host memory for %u panels", config->panel_count);
    *out = panels;
    hrm_status status = HRM_OK;
    for (uint32_t i = 0; status == HRM_OK && i < config->panel_count; i++) {
        hrm_plot_panel panel;
        hrm_plot_series *series = NULL;
        status = hrm_config_copy(entry_of(config->panels, config->panels[0].struct_size, i), &panel, sizeof panel,
                                 "hrm_plot_panel");
        if (status != HRM_OK) break;
        status = copy_series(&panel, &series);
        panels[i] = panel;
        panels[i].series = series;
    }
    return status;
}

static hrm_status write_plot(const hrm_plot_config *config, const char *path,
                             hrm_status (*encode)(const hrm_plot_config *config, uint8_t **bytes, size_t *size)) {
    hrm_status status;
    hrm_plot_config c = {0};
    hrm_plot_panel *panels = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    HRM_TRY(hrm_config_copy(config, &c, sizeof c, "hrm_plot_config"));
    HRM_TRY(copy_panels(&c, &panels));
    c.panels = panels;
    HRM_TRY(encode(&c, &bytes, &size));
    HRM_TRY(hrm_file_write_all(path, bytes, size));
fail:
    free(bytes);
    free_panels(panels, c.panel_count);
    return status;
}

hrm_status hrm_plot_png(const hrm_plot_config *config, const char *path) {
    return write_plot(config, path, hrm_plot_encode_png);
}

hrm_status hrm_plot_svg(const hrm_plot_config *config, const char *path) {
    return write_plot(config, path, hrm_plot_encode_svg);
}
