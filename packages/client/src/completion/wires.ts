import { APIConnectionError } from '@nomyo/transport'
import type * as Wire2 from '../wire-2/index.js'
import type { SelectionParts, WireChoice } from '../wire-2/selection.js'
import { namesStatement } from './names-statement.js'

/** Everything of wire 2: its code, and the choice of the wire. */
export interface LoadedWire2 extends Pick<typeof Wire2, 'attemptSealed'> {
  readonly selection: Wire2.WireSelection
}

/** The wires of a client. The code of wire 2 is loaded when it may be used. */
export class Wires {
  readonly #parts: SelectionParts
  #loading: Promise<LoadedWire2> | undefined
  #selection: Wire2.WireSelection | undefined
  #hasWarned = false

  constructor(parts: SelectionParts) {
    this.#parts = parts
  }

  /**
   * Chooses the wire of an attempt.
   *
   * @throws the errors of `WireSelection.choose`; APIConnectionError `ERR_NETWORK` where the code of wire 2
   * cannot be loaded
   */
  async choose(signal: AbortSignal): Promise<WireChoice> {
    if (this.#parts.config.wire === 1) return { wire: 1, reason: 'configured' }
    return (await this.load()).selection.choose(signal)
  }

  /** @throws APIConnectionError `ERR_NETWORK` */
  load(): Promise<LoadedWire2> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  /**
   * Checks what an answer on wire 1 says about wire 2; see `WireSelection.refuseDowngrade`. Where the wire
   * was not chosen, but given, a warning has to do.
   */
  refuseDowngrade(wire: unknown): void {
    if (!namesStatement(wire)) return
    if (this.#selection !== undefined) this.#selection.refuseDowngrade()
    else if (!this.#hasWarned) {
      this.#hasWarned = true
      this.#parts.config.log.warn(
        'the gateway speaks wire 2, which binds answers to requests and has a post-quantum key exchange; this client ' +
          'uses wire 1',
      )
    }
  }

  async #load(): Promise<LoadedWire2> {
    try {
      const { attemptSealed, WireSelection } = await import('../wire-2/index.js')
      this.#selection = new WireSelection(this.#parts)
      return { attemptSealed, selection: this.#selection }
    } catch {
      // The next attempt tries again: a page may have been offline.
      this.#loading = undefined
      throw new APIConnectionError('ERR_NETWORK', 'The code of wire 2 could not be loaded.')
    }
  }
}
