import { SecurityError } from '@nomyo/crypto'
import { loadClassicKem } from '@nomyo/crypto/wire-2'
import type { GatewayConfig } from '../config/config.js'
import { GatewayError } from '../errors.js'
import type { Logger } from '../observability/log.js'
import type { RedisConnection } from '../redis/connection.js'
import { IdentityKeys } from '../server-keys/identity-keys.js'
import type { KeyStores } from '../server-keys/key-store.js'
import { keyPassword } from '../server-keys/open-stores.js'
import type { ServerKeys } from '../server-keys/server-keys.js'
import { openRequestKem } from '../wire-2/kem/request-kem.js'
import type { PublishedKeys, RequestKeys } from './request-keys.js'
import { RotatingRequestKeys } from './rotating-request-keys.js'
import { Schedule } from './schedule.js'
import { maxRequestBytes, maxUploadBytes } from './statement.js'
import { createRedisRequestKeyStore } from './store/redis-store.js'
import { memoryStore, type RequestKeyStore } from './store/request-key-store.js'

const HOUR_MS = 60 * 60_000
const DEFAULT_PERIOD_MS = HOUR_MS
const DEFAULT_IDENTITY_OVERLAP_MS = 30 * 24 * HOUR_MS

/** Returns the longest time for which a request key decrypts. */
export const requestKeyLifeMs = ({ requestKeys }: GatewayConfig): number =>
  new Schedule(requestKeys?.rotationMs ?? DEFAULT_PERIOD_MS).longestLifeMs

/** Keys and connections that request keys depend on. */
export interface RequestKeyParts {
  readonly serverKeys: ServerKeys
  readonly identities: KeyStores['identities']
  readonly redis: RedisConnection | undefined
  readonly leadMs: number
  readonly logger: Logger
}

/** The request keys of a gateway that offers wire 2. */
export interface OpenedRequestKeys extends RequestKeys {
  /** Fingerprint of the newest identity key, as `sha256/...`. */
  readonly identity: string
  /** The latest statement, even if it has expired; undefined where there was none. */
  readonly latest: PublishedKeys | undefined
}

/**
 * Returns where request keys are. Several gateways with one Redis may have one address, and then none
 * decrypts the requests for the keys of another: without a decision, they do not offer wire 2.
 */
export const requestKeyPlace = ({
  requestKeys,
  redis,
}: Pick<GatewayConfig, 'requestKeys' | 'redis'>): 'memory' | 'redis' | 'off' =>
  requestKeys?.place ?? (redis === undefined ? 'memory' : 'off')

/**
 * Creates the request keys of a gateway, and its identity key at the first start. Undefined where it does not
 * offer wire 2.
 *
 * @throws SecurityError when an existing identity key cannot be read
 * @throws GatewayError `ERR_KEY_STORE`; `ERR_CONFIG` where wire 2 is required and not offered
 */
export async function openRequestKeys(
  config: GatewayConfig,
  parts: RequestKeyParts,
): Promise<OpenedRequestKeys | undefined> {
  const { requestKeys = {}, keys = {}, minWire = '1.0' } = config
  const { logger, serverKeys } = parts
  const place = requestKeyPlace(config)
  if (place === 'off') {
    if (requestKeys.place === undefined) {
      logger.warn(
        'wire 2 is not offered: with --redis, other gateways may share this address, but not request keys; ' +
          'set --request-keys to redis to share them, to memory if this is the only gateway, or to off',
      )
    }
    requireWire1(minWire)
    return undefined
  }
  const overlapMs = keys.identityOverlapMs ?? DEFAULT_IDENTITY_OVERLAP_MS
  const identities = await openIdentities(parts, overlapMs)
  if (identities === undefined) {
    requireWire1(minWire)
    return undefined
  }
  const schedule = new Schedule(requestKeys.rotationMs ?? DEFAULT_PERIOD_MS)
  const store =
    place === 'redis' ? await openRedisStore(config, parts.redis, schedule) : memoryStore
  const hybrid = await openRequestKem(logger)
  const classic = requestKeys.classic === true ? await loadClassicKem() : undefined
  const opened = await RotatingRequestKeys.open({
    store,
    kems: { hybrid, classic },
    terms: {
      minWire,
      maxRequest: maxRequestBytes(config.maxBodyBytes),
      maxUpload: maxUploadBytes(config),
    },
    statementKeys: () => ({
      rsaKeys: serverKeys.ring.publicKeys.map(({ fingerprint }) => fingerprint),
      identities: identities.signing,
    }),
    refreshIdentities: (log) => identities.refresh(log),
    schedule,
    leadMs: parts.leadMs,
    logger,
  })
  /* eslint-disable no-restricted-syntax -- one object per gateway may have getters */
  return {
    get identity() {
      return identities.fingerprint
    },
    get latest() {
      return opened.latest
    },
    /* eslint-enable no-restricted-syntax */
    opening: () => opened.opening(),
    published: () => opened.published(),
    refresh: () => opened.refresh(),
    start: (log) => {
      opened.start(log)
    },
    close: async () => {
      await opened.close()
      await hybrid.close()
    },
  }
}

/** Opens the identity keys; undefined where there is none and none can be created, as in a read-only folder. */
async function openIdentities(
  { identities, logger }: RequestKeyParts,
  overlapMs: number,
): Promise<IdentityKeys | undefined> {
  const isEmpty = (await identities.list()).length === 0
  try {
    return await IdentityKeys.open(identities, overlapMs, logger)
  } catch (error) {
    if (!isEmpty || !(error instanceof SecurityError) || error.code !== 'ERR_KEY_FILE') throw error
    logger.warn(
      `wire 2 is not offered, because no identity key can be created: ${error.message} Let the gateway ` +
        'write to the folder for one start',
    )
    return undefined
  }
}

async function openRedisStore(
  { keys = {} }: GatewayConfig,
  redis: RedisConnection | undefined,
  schedule: Schedule,
): Promise<RequestKeyStore> {
  const password = await keyPassword(keys)
  if (redis === undefined || password === undefined) {
    throw new GatewayError('ERR_KEY_STORE', 'Shared request keys need Redis and a key password.')
  }
  return createRedisRequestKeyStore({ redis, password, schedule })
}

/** @throws GatewayError where nothing would be served without wire 2 */
function requireWire1(minWire: string): void {
  if (minWire === '1.0') return
  throw new GatewayError(
    'ERR_CONFIG',
    '--min-wire 2 refuses wire 1, and the gateway cannot offer wire 2.',
  )
}
