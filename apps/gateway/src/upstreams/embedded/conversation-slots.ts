import { FairQueue } from '../../completion/load/fair-queue.js'
import type { Sequence } from './library.js'
import { queueIsFull } from './refusals.js'

/** Place for one conversation in the memory of the model. */
interface Slot {
  readonly sequence: Sequence
  /** Caller whose conversation it holds; undefined where it holds none. */
  owner: string | undefined
  isFree: boolean
  lastUse: number
  idle: ReturnType<typeof setTimeout> | undefined
}

/** Settings of {@link ConversationSlots}. */
export interface SlotOptions {
  readonly sequences: readonly Sequence[]
  /** Requests that wait for a slot at most. */
  readonly maxWaiting: number
  /** Time after which an unused conversation is forgotten, in milliseconds. Default: 5 minutes. */
  readonly forgetAfterMs?: number | undefined
}

const FORGET_AFTER_MS = 300_000

/**
 * Slots for conversations, and the queue before them. A conversation that goes on finds its beginning in
 * memory, which saves its evaluation. A caller never finds that of another one: the time that it saves would
 * tell what the other one wrote.
 */
export class ConversationSlots {
  readonly #slots: readonly Slot[]
  readonly #queue: FairQueue
  readonly #forgetAfterMs: number
  #uses = 0

  constructor({ sequences, maxWaiting, forgetAfterMs = FORGET_AFTER_MS }: SlotOptions) {
    this.#slots = sequences.map((sequence) => ({
      ...{ sequence, owner: undefined, isFree: true, lastUse: 0, idle: undefined },
    }))
    this.#forgetAfterMs = forgetAfterMs
    this.#queue = new FairQueue({
      ...{ concurrency: sequences.length, maxWaiting, createError: queueIsFull },
    })
  }

  get busy(): number {
    return this.#slots.filter(({ isFree }) => !isFree).length
  }

  get waiting(): number {
    return this.#queue.waiting
  }

  /**
   * Runs work with a slot when it is the turn of its caller.
   *
   * @param owner - the caller, as far as callers are told apart
   * @param signal - gives up the place in the queue
   * @throws HttpError 503 when the queue is full, or the place was given up
   */
  run<T>(owner: string, work: (sequence: Sequence) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#queue.run(
      owner,
      async () => {
        const slot = this.#take(owner)
        try {
          if (slot.owner !== owner) await slot.sequence.clearHistory()
          slot.owner = owner
          return await work(slot.sequence)
        } catch (error) {
          // In an unknown state.
          slot.owner = undefined
          throw error
        } finally {
          this.#release(slot)
        }
      },
      signal,
    )
  }

  close(): void {
    for (const { idle } of this.#slots) clearTimeout(idle)
  }

  /** Takes the slot with the last conversation of the caller, else the one that was used least recently. */
  #take(owner: string): Slot {
    const [first, ...others] = this.#slots.filter(({ isFree }) => isFree)
    // The queue lets in no more than there are slots.
    if (first === undefined) throw queueIsFull()
    const preference = (slot: Slot): number =>
      slot.owner === owner ? Number.MAX_SAFE_INTEGER - this.#uses + slot.lastUse : -slot.lastUse
    const slot = others.reduce(
      (best, other) => (preference(other) > preference(best) ? other : best),
      first,
    )
    slot.isFree = false
    slot.lastUse = ++this.#uses
    clearTimeout(slot.idle)
    return slot
  }

  #release(slot: Slot): void {
    slot.isFree = true
    slot.idle = setTimeout(() => {
      slot.owner = undefined
      // Frees its cells; those who find the slot clear it again.
      slot.sequence.clearHistory().catch(() => undefined)
    }, this.#forgetAfterMs).unref()
  }
}
