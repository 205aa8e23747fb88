import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { SecurityError } from '@nomyo/crypto'
import type { GatewayConfig } from '../../config/config.js'
import { GatewayError } from '../../errors.js'
import { silentLogger } from '../../observability/log.js'
import { requestKeyPlace } from '../../request-keys/open-request-keys.js'
import { identityKeyPath } from '../../server-keys/identity-folder-store.js'
import type { IdentityKeyStore } from '../../server-keys/key-store.js'
import { withStores } from '../../server-keys/open-stores.js'
import type { Check } from '../check.js'
import { checkAccess, isWritable } from '../file-access.js'

const DAY_MS = 86_400_000

/** Checks the identity key, whether gateways share request keys, and which clients are refused. */
export const wire2Check: Check = {
  name: 'wire 2',
  run: async (config) => {
    const { requestKeys, redis } = config
    if (requestKeyPlace(config) === 'off') {
      return requestKeys?.place === 'off' || redis === undefined
        ? [ok('not offered: --request-keys is off')]
        : [
            warning(
              'not offered: with --redis, other gateways may share this address, but not request keys',
              'set --request-keys redis to share them, or memory if this is the only gateway',
            ),
          ]
    }
    return [...(await checkIdentity(config)), ...checkSharing(config), ...checkClients(config)]
  },
}

async function checkIdentity(config: GatewayConfig): Promise<readonly Finding[]> {
  const { keyDir, sharedKeys = false } = config
  if (keyDir === undefined && !sharedKeys) {
    const message = 'each start creates a new identity key, which clients cannot pin'
    return [warning(message, 'keep it in a folder: --key-dir DIR')]
  }
  try {
    return await withStores(config, silentLogger, ({ identities }) => checkKeys(identities, keyDir))
  } catch (error) {
    return [describeFailure(keyDir ?? 'Redis', error)]
  }
}

async function checkKeys(
  store: IdentityKeyStore,
  keyDir: string | undefined,
): Promise<readonly Finding[]> {
  const stored = await store.list()
  const newest = stored.at(-1)
  if (newest === undefined) return [await checkEmpty(keyDir)]
  const findings: Finding[] = []
  for (const { number } of stored) {
    if (keyDir !== undefined) {
      const path = identityKeyPath(keyDir, number)
      findings.push(...(await checkAccess(path, { mode: '600', secret: true })))
    }
    const { fingerprint } = await store.load(number)
    if (number !== newest.number) continue
    const days = Math.floor((Date.now() - newest.createdAtMs) / DAY_MS)
    findings.push(ok(`identity ${fingerprint}, ${days} days old`))
  }
  return findings
}

async function checkEmpty(keyDir: string | undefined): Promise<Finding> {
  if (keyDir === undefined || (await isWritable(keyDir))) {
    return ok('there is no identity key yet: the first start creates one')
  }
  return warning(
    `${keyDir} has no identity key, and none can be created there: wire 2 is not offered`,
    'let the user of the gateway write to the folder for one start',
  )
}

/** A request encrypted to one of several gateways may reach another one. */
function checkSharing(config: GatewayConfig): readonly Finding[] {
  if (requestKeyPlace(config) === 'redis') {
    return [ok('request keys are shared through Redis, which stores them for up to two rotations')]
  }
  if (config.redis === undefined) return [ok('request keys are in the memory of this gateway')]
  return [
    warning(
      'request keys are not shared: another gateway at this address cannot decrypt requests that are encrypted to them',
      'set --request-keys redis, unless this is the only gateway',
    ),
  ]
}

function checkClients({ minWire, requestKeys }: GatewayConfig): readonly Finding[] {
  return [
    ...(minWire === '2'
      ? [
          warning(
            'clients that only speak wire 1 are refused with 426',
            'remove --min-wire 2 until nomyo_requests_total counts no /v1/chat/secure_completion',
          ),
        ]
      : []),
    ...(requestKeys?.classic === true
      ? [ok('requests encrypted to the X25519 key are not protected against quantum computers')]
      : []),
  ]
}

function describeFailure(place: string, error: unknown): Finding {
  if (error instanceof GatewayError) {
    return problem(`${error.message} (${error.code})`, 'see the findings on Redis')
  }
  if (!(error instanceof SecurityError)) {
    return problem(
      `the identity key of ${place} cannot be read (${errnoCode(error)})`,
      'let the user of the gateway read the folder',
    )
  }
  return problem(
    `${error.message} (${error.code})`,
    error.code === 'ERR_KEY_PASSWORD'
      ? 'check --key-password-file or NOMYO_KEY_PASSWORD'
      : 'restore the right key, or move it elsewhere: then a start creates one, which clients must accept',
  )
}
