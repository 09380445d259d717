/*
 * How the launcher tells of its own failures: on a descriptor that only it holds, so that they cannot be taken for
 * the command's. The descriptor closes with the exec of the command; an empty report means that it started.
 */
#ifndef LAUNCHER_REPORT_H
#define LAUNCHER_REPORT_H

enum { REPORT_FD = 3, EXIT_FAILED = 125 };

/* Writes "<stage>\n<errno>\n<subject>" and ends this process. `stage` is one of the words that the node knows. */
_Noreturn void fail(const char *stage, const char *subject);

#endif
