import type { PcrValues, Verdict } from './result.js'

/** A log that explains PCR values, with the rules its entries are judged by. */
export interface LogAppraiser {
  /**
   * Judges the log against PCR values whose digest was signed. Never throws because of what the log
   * contains: whoever made the quote may have made the log.
   */
  judge(quoted: PcrValues): Verdict
}
