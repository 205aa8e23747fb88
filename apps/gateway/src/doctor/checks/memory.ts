import { totalmem } from 'node:os'
import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { defaultMaxBytesInFlight } from '../../completion/load/load-shedder.js'
import type { GatewayConfig } from '../../config/config.js'
import type { Check } from '../check.js'

const MIB = 1024 * 1024
/** Memory of a gateway beside that of its requests, as documented. */
const BASE_MIB = 250

/** Checks that the machine, or the container, has the memory that the limits allow requests to take. */
export const memoryCheck: Check = {
  name: 'memory',
  run: (config) => Promise.resolve([checkMemory(config, availableBytes())]),
}

/** Compares the most that a gateway takes with this much memory. */
export function checkMemory(
  { load, maxBodyBytes }: Pick<GatewayConfig, 'load' | 'maxBodyBytes'>,
  available: number,
): Finding {
  const inFlight = load?.maxBytesInFlight ?? defaultMaxBytesInFlight(maxBodyBytes)
  const needed = BASE_MIB + Math.ceil(inFlight / MIB)
  const present = Math.floor(available / MIB)
  if (needed <= present) return ok(`needs up to ${needed} MiB of ${present} MiB`)
  return warning(
    `under load the gateway needs up to ${needed} MiB, but only ${present} MiB are available`,
    'lower --max-bytes-in-flight (and --max-body), or add memory',
  )
}

/** Returns the limit of the container, or the memory of the machine. */
function availableBytes(): number {
  // Without a limit, some versions of Node return 0, others a number above every memory.
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
