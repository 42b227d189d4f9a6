/* Ctrl-C and termination: the first asks the running job to stop, the second ends the program at once. */
#ifndef HRM_TOOL_INTERRUPT_H
#define HRM_TOOL_INTERRUPT_H

/* From now on SIGINT, SIGTERM and SIGHUP (a closed terminal; not under nohup) are noted instead of killing the program.
 */
void cli_interrupt_catch(void);

/* 0, or the exit code the noted signal asks for: 130, 143 or 129. */
int cli_interrupt_code(void);

#endif
