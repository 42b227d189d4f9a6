/* Everything libhrm offers. */
#ifndef HRM_HRM_H
#define HRM_HRM_H

#include <hrm/bench.h>
#include <hrm/checkpoint.h>
#include <hrm/dataset.h>
#include <hrm/device.h>
#include <hrm/model.h>
#include <hrm/plot.h>
#include <hrm/render.h>
#include <hrm/status.h>
#include <hrm/sudoku.h>
#include <hrm/trainer.h>
#include <hrm/tune.h>
#include <hrm/version.h>

#endif
