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
  /** Of a dry run: more are not applied. */
  changesMax: 20_000,
  /** In one answer. */
  changesShownMax: 2_000,
  /** Of all hunks in one answer. */
  diffBytesMax: 1_048_576,
  /** Folders in folders. */
  depthMax: 128,
  patternsMax: 256,
  patternLengthMax: 4_096,
  /** Characters of a script that is analysed, and of what is given as `script`. */
  scriptLengthMax: 65_536,
  scriptCommandsMax: 512,
  /** Scripts and commands within others, by `sh -c`, `trap`, `env` and their like. */
  scriptDepthMax: 8,
  scriptProblemsMax: 20,
  heredocsMax: 64,
  /** Of a terminal, in cells. */
  cellsMax: 1_000,
  sessionNameLengthMax: 64,
  /** Of input in one message or one text. */
  inputLengthMax: 1_000_000,
  /** The longest delay that timers take. */
  timerMsMax: 2_147_483_647,
} as const;
