/** What one command may carry. What it may use while it runs is configuration. */
export const limits = {
  wordsMax: 4_096,
  /** MAX_ARG_STRLEN of Linux: one word, or one variable with its name, of 128 KiB and its end mark. */
  wordLengthMax: 131_071,
  pathLengthMax: 4_096,
  variablesMax: 256,
  variableNameLengthMax: 128,
  /** Of the words, and of the variables, each: they share the system's room for a new program (ARG_MAX). */
  bytesMax: 1_000_000,
  patternsMax: 256,
  patternLengthMax: 4_096,
  /** The longest delay that timers take. */
  timerMsMax: 2_147_483_647,
} as const;
