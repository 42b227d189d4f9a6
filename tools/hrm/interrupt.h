/* Ctrl-C and termination: the first asks the running job to stop, the second ends the program at once. */
#ifndef HRM_TOOL_INTERRUPT_H
#define HRM_TOOL_INTERRUPT_H

/* From now on SIGINT and SIGTERM are noted instead of killing the program. */
void cli_interrupt_catch(void);

/* 0, or the exit code the noted signal asks for: 130 or 143. */
int cli_interrupt_code(void);

#endif
