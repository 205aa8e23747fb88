/** Remembers what was asked, so that nothing is answered twice. */
export interface ReplayMemory {
  /**
   * Takes ids for good, all of them or none, in one step: of two that ask for the same id at the same
   * time, one gets it. Nothing gives an id back before the window of the memory is over.
   *
   * @returns false when one of them was taken before
   * @throws HttpError 503 when the memory cannot tell
   */
  claim(ids: readonly string[]): Promise<boolean>
  close(): Promise<void>
}
