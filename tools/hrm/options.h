/* Command-line options from a table: one row per option gives its name, where its value goes, its bounds and its help.
 *
 * Promises: a table row is the only place an option is named; --help prints the values the variables hold, so what is
 * shown is what happens. Options and operands may be mixed; "--" ends the options; "--name=value" and "--name value"
 * are the same. A mistake prints one line on standard error: unknown options name the nearest known one, wrong values
 * say what is accepted. Nothing is written to a variable whose value is refused. */
#ifndef HRM_TOOL_OPTIONS_H
#define HRM_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cli_kind {
    CLI_GROUP = 0, /* no option: `help` is a heading of the help page */
    CLI_FLAG,      /* bool */
    CLI_U32,       /* uint32_t */
    CLI_U64,       /* uint64_t */
    CLI_F32,       /* float */
    CLI_TEXT,      /* const char *, borrowed from argv */
    CLI_CHOICE,    /* uint32_t: the value of the choice named */
    CLI_DURATION,  /* double, seconds: "90", "90s", "6m", "1h30m" */
    CLI_LIST,      /* cli_list: "1,2,4,8" */
    CLI_SIZE,      /* uint64_t, bytes: "8G", "7500M" (powers of 1000), "4GiB", "512Mi" (of 1024) */
} cli_kind;

typedef struct cli_choice {
    const char *name; /* NULL ends the list */
    uint32_t value;
} cli_choice;

enum { CLI_LIST_MAX = 32 };

typedef struct cli_list {
    uint32_t count;
    uint32_t items[CLI_LIST_MAX];
} cli_list;

typedef struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* "-o" as well; 0: none */
    cli_kind kind;
    void *value;
    double min, max;           /* of numbers; max 0: no bound */
    const cli_choice *choices; /* of CLI_CHOICE */
    const char *metavar;       /* what the help calls the value; NULL: after the kind */
    const char *help;
    const char *zero; /* what the help says about a value of 0; a word ("auto", "never") may be typed too */
    bool *given;      /* set to true when the option was used; or NULL */
    bool negatable;   /* flags: "--no-name" sets false */
    bool required;
} cli_option;

/* What a command takes. The tables end in a row whose help is NULL. */
typedef struct cli_spec {
    const char *command;        /* "train"; "" for the program itself */
    const char *operands_usage; /* "FILE [FILE...]"; NULL: no operands */
    size_t operands_min, operands_max;
    const char *about;    /* paragraphs for --help */
    const char *examples; /* lines for --help; or NULL */
    const cli_option *options;
    const cli_option *globals; /* options every command has; or NULL */
    bool stop_at_operand;      /* the first operand ends the parsing (the program's own options) */
} cli_spec;

typedef enum cli_parsed {
    CLI_PARSED,       /* go on */
    CLI_PARSED_HELP,  /* --help was asked for and printed */
    CLI_PARSED_ERROR, /* a line was printed */
} cli_parsed;

/* Parses argv[0 .. argc); operands are moved to argv[0 .. *operand_count) in order (with stop_at_operand: everything
 * from the first operand on). */
cli_parsed cli_parse(const cli_spec *spec, int argc, char **argv, int *operand_count);

/* The value of "--name value" or "--name=value" if it occurs, else NULL: for an option that sets the others' defaults.
 */
const char *cli_peek(int argc, char **argv, const char *name);

/* Prints the help page of a command to standard output. */
void cli_print_help(const cli_spec *spec);

/* The candidate nearest to `word` when it is near enough to be a slip of the finger, else NULL. The list ends in NULL.
 */
const char *cli_nearest(const char *word, const char *const *candidates);

/* Prints text wrapped at 100 columns, continuation lines indented; `column` is where the cursor stands. */
void cli_print_wrapped(const char *text, int column, int indent);

#endif
