/** Told what is being measured. */
export type Progress = (what: string) => void

/** On stderr, so that stdout has the results alone. */
export const showProgress: Progress = (what) => {
  process.stderr.write(`measuring ${what}\n`)
}
