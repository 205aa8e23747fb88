import type { EventLoopTurns } from '../../json/event-loop-turns.js'

/** Longest work without a turn for others. */
const TURN_MS = 5

/** Work in small pieces, which leaves the event loop to others after some milliseconds. */
export class TurnBudget {
  readonly #turns: EventLoopTurns
  #since = performance.now()

  constructor(turns: EventLoopTurns) {
    this.#turns = turns
  }

  /** Waits for the next turn, if the present one has lasted long enough. */
  async spend(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return
    await this.#turns.next()
    this.#since = performance.now()
  }
}
