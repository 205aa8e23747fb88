import { generateIdentityKey, loadHybridKem } from '@nomyo/crypto/wire-2'
import type { GatewayConfig } from '../config/config.js'
import type { Logger } from '../observability/log.js'
import type { ServerKeys } from '../server-keys/server-keys.js'
import type { RequestKeys } from './request-keys.js'
import { RotatingRequestKeys } from './rotating-request-keys.js'
import { Schedule } from './schedule.js'
import { maxRequestBytes } from './statement.js'
import { memoryStore } from './store/request-key-store.js'

const DEFAULT_PERIOD_MS = 60 * 60_000
const DEFAULT_LEAD_MS = 6000

/** Returns the longest time for which a request key decrypts. */
export const requestKeyLifeMs = (_config: GatewayConfig): number =>
  new Schedule(DEFAULT_PERIOD_MS).longestLifeMs

/** Creates the request keys of a gateway. */
export async function openRequestKeys(
  config: GatewayConfig,
  serverKeys: ServerKeys,
  logger: Logger,
): Promise<RequestKeys> {
  const { key } = await generateIdentityKey()
  return RotatingRequestKeys.open({
    store: memoryStore,
    kems: { hybrid: await loadHybridKem() },
    terms: { minWire: '1.0', maxRequest: maxRequestBytes(config.maxBodyBytes) },
    statementKeys: () => ({
      rsaKeys: serverKeys.ring.publicKeys.map(({ fingerprint }) => fingerprint),
      identities: [key],
    }),
    periodMs: DEFAULT_PERIOD_MS,
    leadMs: config.keys?.leadMs ?? DEFAULT_LEAD_MS,
    logger,
  })
}
