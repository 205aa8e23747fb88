import type { GatewayConfig } from '../config/config.js'
import { GatewayError } from '../errors.js'

/** Change of one part of a gateway, checked and not yet made. */
export interface PreparedChange {
  /** Settings and files that differ, without values: `upstreams (added gpu-2)`. */
  readonly changed: readonly string[]
  /** Settings that differ and stay as they are until a restart. */
  readonly needsRestart?: readonly string[]
  /** Makes the change. Must not throw: other parts have changed already. */
  commit(): void
}

/** Part of a gateway whose settings can change while it runs. */
export interface ReloadablePart {
  /**
   * Checks new settings and reads their files. Changes nothing.
   *
   * @throws GatewayError for a file that cannot be used, and for settings that take a protection away
   */
  prepare(config: GatewayConfig): PreparedChange | Promise<PreparedChange>
}

/** Creates the refusal of settings that would open a gateway to what it refuses. */
export const protectionLost = (protection: string): GatewayError =>
  new GatewayError(
    'ERR_RELOAD',
    `The new settings have no ${protection}: a reload takes no protection away, a restart does.`,
  )
