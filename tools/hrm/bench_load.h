/* hrm bench load: how long loading a model takes, and how much host memory. */
#ifndef HRM_TOOL_BENCH_LOAD_H
#define HRM_TOOL_BENCH_LOAD_H

int cli_bench_load(int argc, char **argv);

#endif
