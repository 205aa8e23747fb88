import type * as Wire1Module from '../wire-1/wire-1.js'
import type * as Wire2Module from '../wire-2/index.js'
import type { WireChoice } from '../wire-2/selection.js'
import type { ClientContext } from './call.js'
import { loadCode } from '../load-code.js'
import { namesStatement } from './names-statement.js'

/** Everything of wire 2: its code, and the choice of the wire. */
export interface LoadedWire2 extends Pick<typeof Wire2Module, 'attemptSealed' | 'completeSealed'> {
  readonly selection: Wire2Module.WireSelection
}

/** The wires of a client. The code of each is loaded when it may be used. */
export class Wires {
  readonly #context: ClientContext
  readonly #isEager: boolean
  #loadingWire1: Promise<Wire1Module.Wire1> | undefined
  #wire1: Wire1Module.Wire1 | undefined
  #loadingWire2: Promise<LoadedWire2> | undefined
  #selection: Wire2Module.WireSelection | undefined
  #hasWarned = false
  #isDisposed = false

  /** @param isEager - creates the reply key of wire 1 now, where no other wire may be used */
  constructor(parts: Omit<ClientContext, 'wires'>, isEager: boolean) {
    this.#context = { ...parts, wires: this }
    this.#isEager = isEager && parts.config.wire === 1
    // Once the caller's own code has run: since Node 22, import() reads the modules before it returns.
    if (this.#isEager) queueMicrotask(() => void this.loadWire1().catch(() => undefined))
  }

  /**
   * Chooses the wire of an attempt.
   *
   * @throws the errors of `WireSelection.choose`; APIConnectionError `ERR_NETWORK` where the code of wire 2
   * cannot be loaded
   */
  async choose(signal: AbortSignal): Promise<WireChoice> {
    if (this.#context.config.wire === 1) return { wire: 1, reason: 'configured' }
    return (await this.loadWire2()).selection.choose(signal)
  }

  /** @throws APIConnectionError `ERR_NETWORK` */
  loadWire1(): Promise<Wire1Module.Wire1> {
    this.#loadingWire1 ??= this.#load(1, async () => {
      const { Wire1 } = await import('../wire-1/wire-1.js')
      this.#wire1 = new Wire1(this.#context, this.#isEager)
      if (this.#isDisposed) this.#wire1.dispose()
      return this.#wire1
    })
    return this.#loadingWire1
  }

  /** @throws APIConnectionError `ERR_NETWORK` */
  loadWire2(): Promise<LoadedWire2> {
    this.#loadingWire2 ??= this.#load(2, async () => {
      const { attemptSealed, completeSealed, WireSelection } = await import('../wire-2/index.js')
      const serverKey = {
        get: async (signal: AbortSignal) => (await this.loadWire1()).context.serverKey.get(signal),
      }
      this.#selection = new WireSelection({ ...this.#context, serverKey })
      return { attemptSealed, completeSealed, selection: this.#selection }
    })
    return this.#loadingWire2
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
      this.#context.config.log.warn(
        'the gateway speaks wire 2, which binds answers to requests and has a post-quantum key exchange; this client ' +
          'uses wire 1',
      )
    }
  }

  /** Disposes of the keys of wire 1. Safe to call twice. */
  dispose(): void {
    this.#isDisposed = true
    this.#wire1?.dispose()
  }

  async #load<T>(wire: 1 | 2, load: () => Promise<T>): Promise<T> {
    try {
      return await loadCode(load, `wire ${String(wire)}`)
    } catch (error) {
      // The next attempt tries again: a page may have been offline.
      if (wire === 1) this.#loadingWire1 = undefined
      else this.#loadingWire2 = undefined
      throw error
    }
  }
}
