import type { StreamedResponseWriter } from '@nomyo/crypto/wire-2'
import type { PacedBody } from '@nomyo-internal/http-server'
import { filling } from './filling.js'

/** Pace and form of streams. */
export interface StreamSettings {
  /** Time for which events are gathered into one chunk, in milliseconds; 0 sends each at once. */
  readonly intervalMs: number
  /** Multiple of bytes to which chunks are filled; 0 for no filling. */
  readonly paddingBytes: number
  /** Silence after which a sign of life is sent, in milliseconds. */
  readonly heartbeatMs: number
  /** Time in which the caller must read what was sent, in milliseconds. */
  readonly readTimeoutMs: number
}

/** Values where none are set. Clients wait for a minute of silence by default. */
export const STREAM_DEFAULTS = { intervalMs: 50, paddingBytes: 512, heartbeatMs: 15_000 } as const

/** Means by which a streamed answer is encrypted and sent. */
export interface StreamedAnswerParts {
  readonly writer: StreamedResponseWriter
  /** Bytes of the head of the response, for the first chunk. */
  readonly head: Uint8Array
  readonly body: PacedBody
  /** Encrypts and sends; resolves with the number of bytes. The order of calls is that of the chunks. */
  readonly send: (plaintext: readonly Uint8Array[], isFinal: boolean) => Promise<number>
  /** Called when the caller does not read, before the connection is closed. */
  readonly onSlowReader: () => void
}

/** Above this, nothing is gathered: a chunk has no room for more. */
const MAX_GATHERED_BYTES = 8 * 1024

/**
 * Answer whose content is encrypted and sent as it comes. Parts are gathered and leave at the ticks of a
 * clock, so that neither their number nor their time shows single tokens; the first one leaves at once.
 */
export class StreamedAnswer {
  readonly #parts: StreamedAnswerParts
  readonly #settings: StreamSettings
  readonly #isEvents: boolean
  readonly #startedAt = performance.now()
  #head: Uint8Array | undefined
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #tick: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #isEnding = false
  /** Bytes of the encrypted response so far. */
  bytesOut = 0
  /** Number of parts so far. */
  count = 0

  /** @param isEvents - comments may be added to the content */
  constructor(parts: StreamedAnswerParts, settings: StreamSettings, isEvents: boolean) {
    this.#parts = parts
    this.#settings = settings
    this.#isEvents = isEvents
    this.#head = parts.head
    parts.body.once('close', () => {
      this.#stopTimers()
    })
  }

  /** True once the connection is closed. */
  get isClosed(): boolean {
    return this.#parts.body.destroyed
  }

  /** Takes a part of the content: one event, or several. Resolves when the caller has room for more. */
  async add(part: Uint8Array): Promise<void> {
    this.count++
    this.#gathered.push(part)
    this.#gatheredBytes += part.length
    const { intervalMs } = this.#settings
    const isDue = this.#head !== undefined || intervalMs === 0
    if (isDue || this.#gatheredBytes >= MAX_GATHERED_BYTES) await this.#flush()
    else this.#tick ??= this.#later(this.#untilTick(intervalMs), () => this.#flush())
    await this.#room()
  }

  /** Sends what is left, and the end that shows that nothing is missing. */
  async end(): Promise<void> {
    await this.#finish()
    if (this.isClosed) return
    this.bytesOut += await this.#parts.send([this.#parts.writer.end()], true)
    this.#parts.body.complete()
  }

  /** Sends what is left, and no end: the caller notices that the answer is not whole. */
  async truncate(): Promise<void> {
    await this.#finish()
    if (!this.isClosed) this.#parts.body.complete()
  }

  async #finish(): Promise<void> {
    this.#isEnding = true
    this.#stopTimers()
    if (this.#gatheredBytes > 0 || this.#head !== undefined) await this.#flush()
    this.#stopTimers()
  }

  /** Sends what was gathered as one chunk. */
  async #flush({ isSignOfLife = false } = {}): Promise<void> {
    clearTimeout(this.#tick)
    this.#tick = undefined
    const { writer } = this.#parts
    const head = this.#head ?? new Uint8Array()
    const gathered = this.#gathered
    const contentBytes = this.#gatheredBytes
    this.#head = undefined
    this.#gathered = []
    this.#gatheredBytes = 0
    if (this.isClosed) return
    if (this.#isEvents && (contentBytes > 0 || isSignOfLife)) {
      const { paddingBytes } = this.#settings
      gathered.push(filling({ headBytes: head.length, contentBytes, paddingBytes }))
    }
    this.bytesOut += await this.#parts.send([head, writer.content(Buffer.concat(gathered))], false)
    this.#beat()
  }

  /** Sends a sign of life after each silence. */
  #beat(): void {
    if (!this.#isEvents || this.#isEnding || this.isClosed) return
    if (this.#heartbeat !== undefined) {
      this.#heartbeat.refresh()
      return
    }
    this.#heartbeat = this.#later(this.#settings.heartbeatMs, async () => {
      // What waits in a buffer is no sign of life, and a caller that reads again gets it.
      if (this.#parts.body.isFull || this.#gatheredBytes > 0) this.#heartbeat?.refresh()
      else await this.#flush({ isSignOfLife: true })
    })
  }

  async #room(): Promise<void> {
    const { body, onSlowReader } = this.#parts
    if (!body.isFull) return
    const timer = setTimeout(() => {
      onSlowReader()
      body.destroy(new Error('the caller does not read'))
    }, this.#settings.readTimeoutMs)
    await body.room()
    clearTimeout(timer)
  }

  #untilTick(intervalMs: number): number {
    return intervalMs - ((performance.now() - this.#startedAt) % intervalMs)
  }

  /** Does work later; without it, the answer cannot be completed. */
  #later(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    return setTimeout(() => {
      work().catch((error: unknown) => this.#parts.body.destroy(error as Error))
    }, ms)
  }

  #stopTimers(): void {
    clearTimeout(this.#tick)
    clearTimeout(this.#heartbeat)
    this.#tick = this.#heartbeat = undefined
  }
}
